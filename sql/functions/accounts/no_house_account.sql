-- Raises, because house_account() lists no account for this type of transaction.
create or replace function no_house_account(p_type transaction_type) returns bigint
language plpgsql immutable as $$
begin
  raise exception 'no house account is named for transactions of type %', coalesce(p_type::text, 'null')
    using hint = 'add the type to house_account()';
end
$$;
