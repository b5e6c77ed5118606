-- What persons gave a project's services, and what was made up for them, each encrypted for the operator's identity, whose
-- public half is the key. The store holds no value that can be read without it. They go with their project.
create table project_secret (
    project_id text not null references project (id) on delete cascade,
    name text not null,
    origin text not null,
    key_id text not null,
    sealed text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (project_id, name)
);
