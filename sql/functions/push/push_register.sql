-- Adds a device of the user, or changes it if its address is known. It is told of events from now on. `refusal`:
-- `too_many` if the user has p_most devices, `foreign` if the address is another user's and the keys are not those of the
-- same browser. A browser in which another user signs in is theirs from then on.
create or replace function push_register(
  p_tenant text, p_user_id text, p_kind text, p_address text, p_keys jsonb, p_service text, p_label text,
  p_language text, p_figures boolean, p_most integer, out id uuid, out refusal text
) language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_wallet constant bigint := lock_wallet(p_tenant, p_user_id);
  v_known push_devices;
begin
  select * into v_known from push_devices d where d.kind = p_kind and d.address = p_address for update;
  if v_known.wallet_id <> v_wallet and v_known.keys <> p_keys then
    refusal := 'foreign';
    return;
  end if;
  if v_known.wallet_id is distinct from v_wallet
    and (select count(*) from push_devices d where d.wallet_id = v_wallet) >= p_most then
    refusal := 'too_many';
    return;
  end if;
  insert into push_services (service) values (p_service) on conflict do nothing;
  insert into push_devices as d (id, wallet_id, kind, address, keys, service, label, language, figures, acked_seq,
    last_seq)
  select uuid_at(clock_timestamp()), v_wallet, p_kind, p_address, p_keys, p_service, p_label, p_language, p_figures,
    w.seq, w.seq
  from wallets w where w.id = v_wallet
  on conflict (kind, address) do update set
    wallet_id = excluded.wallet_id, keys = excluded.keys, service = excluded.service,
    label = coalesce(excluded.label, case when d.wallet_id = excluded.wallet_id then d.label end),
    language = excluded.language, figures = excluded.figures,
    -- Of the same user it goes on where it was.
    acked_seq = case when d.wallet_id = excluded.wallet_id then d.acked_seq else excluded.acked_seq end,
    last_seq = case when d.wallet_id = excluded.wallet_id then d.last_seq else excluded.last_seq end,
    next_attempt_at = case when d.wallet_id = excluded.wallet_id then d.next_attempt_at end,
    claimed_by = case when d.wallet_id = excluded.wallet_id then d.claimed_by end,
    attempts = 0, failing_since = null, last_error = null, updated_at = clock_timestamp()
  returning d.id into push_register.id;
end
$$;
