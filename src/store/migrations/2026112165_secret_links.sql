-- One-time links to a page that takes secrets: kept as the hash of their token, used once, gone with what they are for.
create table secret_link (
    token_hash text primary key not null,
    project_id text not null references project (id) on delete cascade,
    run_id text references run (id) on delete cascade,
    person_id text references person (id) on delete cascade,
    -- JSON: the names of the variables
    names text not null,
    expires_at bigint not null,
    used_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
