-- Who acts on a claimed idempotency key: what a process gives itself for each claim, and no other has.
alter table idempotency_keys add column claim uuid;
