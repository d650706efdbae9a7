-- An event of a wallet's stream about a transaction; its place in the stream is the wallet's newest seq.
create or replace function event_about(
  w wallet_state, t transactions, p_event text, p_previous bigint, p_new bigint,
  p_traceparent text, p_at timestamptz
) returns event_stream language plpgsql immutable as $$
begin
  return row(w.id, w.tenant, w.user_id, w.seq, p_event::event_name, t.currency, p_new, p_previous, t.id, t.type,
    t.status, t.amount, null, null, null, null, p_traceparent, p_at)::event_stream;
end
$$;
