-- What runs wait for. The answer is set once, with who gave it; a second one is told so.
create table ask (
    id text primary key not null,
    run_id text not null references run (id),
    wait text not null,
    -- JSON: a list of questions
    questions text not null,
    -- JSON: the answer, once given
    answer text,
    created_at bigint not null,
    updated_at bigint not null
);

create index ask_run on ask (run_id);
