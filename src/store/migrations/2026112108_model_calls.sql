-- What calls of models cost: one row an attempt, reserved before it and settled after it. A crash in between leaves the
-- reservation, which counts: the provider may have charged it.
create table model_call (
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
);
