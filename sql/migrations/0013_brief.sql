-- The caller knows what it asked for: of a payment it wants to hear only what the ledger added.
alter type ledger_command add attribute brief boolean;
