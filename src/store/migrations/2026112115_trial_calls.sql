-- What calls of models cost that belong to no run: an agent is tried alone. A trial has no row of its own, its name is
-- what its calls have in common.
create table trial_call (
    trial text not null,
    key text not null,
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
    primary key (trial, key)
);
