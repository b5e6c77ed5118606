-- The effects of a run stand together in their index: found by key first, each of them was on a page of its own, and
-- every commit wrote as many pages as it had effects. SQLite changes no constraint, so the table is made anew.
create table effect_by_run (
    number integer primary key,
    key text not null,
    run_number bigint not null references run (number),
    kind text not null,
    mark text not null,
    args text not null,
    result text,
    -- the number of the run's newest event when the mark was set
    seq bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    unique (run_number, key)
);

insert into effect_by_run select number, key, run_number, kind, mark, args, result, seq, created_at, updated_at from effect;

drop table effect;

alter table effect_by_run rename to effect;
