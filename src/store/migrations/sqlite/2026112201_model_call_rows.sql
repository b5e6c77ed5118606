-- The calls of a run stand together under their own key: with a number of each row beside it, every commit wrote a page
-- of an index as well. SQLite changes no table in that way, so it is made anew.
create table model_call_by_key (
    run_number bigint not null references run (number),
    key text not null,
    visit bigint not null,
    agent text not null,
    provider text not null,
    model text not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cached_tokens bigint not null,
    -- billionths of a US dollar
    cost bigint not null,
    standing text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (run_number, key)
) without rowid;

insert into model_call_by_key select run_number, key, visit, agent, provider, model, input_tokens, output_tokens,
    cached_tokens, cost, standing, created_at, updated_at from model_call;

drop table model_call;

alter table model_call_by_key rename to model_call;
