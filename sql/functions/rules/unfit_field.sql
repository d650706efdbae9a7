-- The first field of an application's command that a request could not have either: routes check theirs by
-- src/http/schemas.ts, with the same bounds. Null: there is none.
create or replace function unfit_field(command jsonb) returns text language sql immutable as $$
  select case
    when is_id(command ->> 'tenant', 64) is not true then 'tenant'
    when not is_id(command ->> 'user_id', 255) then 'userId'
    when not is_id(command ->> 'to_user_id', 255) then 'toUserId'
    when command ->> 'idempotency_key' !~ '^[ -~]{1,255}$' then 'idempotencyKey'
    when length(command ->> 'description') > 500 then 'description'
    when length(command ->> 'reference_id') > 200 then 'referenceId'
    when length(command ->> 'reference_type') > 200 then 'referenceType'
    when not is_metadata(command -> 'metadata')
      -- What the ledger itself writes there.
      or command -> 'metadata' ?| '{toUserId,fromUserId,heldAmount,paymentProblem,autoTopup}'
      -- Nested deeper than 16 levels.
      or jsonb_path_exists(command -> 'metadata',
        'strict $.**{16 to last} ? (@.type() == "object" || @.type() == "array")') then 'metadata'
  end
$$;
