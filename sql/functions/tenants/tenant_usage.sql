-- How much a tenant uses the ledger: its users and events ever, and what was opened from p_from until p_to. The incoming
-- side of a transfer or a split is not counted: the money moved once. Requests are those since p_since.
create or replace function tenant_usage(p_tenant text, p_from timestamptz, p_to timestamptz, p_since timestamptz)
returns json language sql stable set search_path = public, pg_temp as $$
  select json_build_object(
    'users', (select count(*) from wallets where tenant = p_tenant),
    'newUsers', (
      select count(*) from wallets where tenant = p_tenant and created_at >= p_from and created_at < p_to),
    'events', (select coalesce(sum(seq), 0)::bigint from wallets where tenant = p_tenant),
    'currencies', (
      select coalesce(json_agg(json_build_object('currency', c.currency, 'transactions', c.transactions,
        'volume', c.volume::text) order by c.currency), '[]')
      from (
        select currency, count(*) as transactions,
          coalesce(sum(abs(amount)) filter (where status = 'success'), 0) as volume
        from transactions
        where tenant = p_tenant and id >= first_uuid_at(p_from) and id < ids_until(p_tenant, null, p_to)
          and not (type in ('transfer', 'split') and amount > 0)
        group by currency
      ) c),
    'requests', (
      select coalesce(sum(requests), 0)::bigint from tenant_requests
      where tenant = p_tenant and slot > p_since - interval '5 minutes'),
    'connections', (
      select coalesce(sum(connections), 0)::bigint from tenant_connections
      where tenant = p_tenant and at > clock_timestamp() - interval '30 seconds'),
    'keys', (
      select count(*) from api_keys
      where tenant = p_tenant and kind = 'service' and revoked_at is null
        and coalesce(expires_at > clock_timestamp(), true)))
$$;
