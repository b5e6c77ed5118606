-- SQLite keeps these rows in their key; PostgreSQL needs no such thing.
comment on table model_call is 'What calls of models cost: one row an attempt';
