-- Runs that `cgo serve` works on, until they are over: asked for by a front end, or answered there. All others are their
-- command's. A key names what asked for a run, so that what is read twice after a crash makes one run; attempts are
-- counted before they begin, so that their bound survives the process that tried.
create table run_queue (
    run_id text primary key not null references run (id) on delete cascade,
    key text unique,
    attempts bigint not null,
    due_at bigint not null,
    problem text,
    done boolean not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index run_queue_open on run_queue (due_at) where done = false;
