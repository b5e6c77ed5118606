-- People beside the operator, who is whoever may open the store and has no row. Who somebody is at a front end belongs to
-- one person; an invitation is kept as the hash of its code and used once; strangers are counted.
create table person (
    id text primary key not null,
    name text not null unique,
    role text not null,
    language text,
    chat bigint,
    -- JSON: the time of day in which they are not disturbed
    quiet text,
    created_at bigint not null,
    updated_at bigint not null
);

create table person_identity (
    provider text not null,
    subject text not null,
    person_id text not null references person (id) on delete cascade,
    created_at bigint not null,
    primary key (provider, subject)
);

create index person_identity_person on person_identity (person_id);

create table invitation (
    id text primary key not null,
    code_hash text not null unique,
    role text not null,
    name text,
    invited_by text not null,
    expires_at bigint not null,
    used_at bigint,
    used_by text,
    created_at bigint not null,
    updated_at bigint not null
);

create table stranger (
    provider text not null,
    subject text not null,
    called text not null,
    attempts bigint not null,
    -- how often they were told that they are not known
    answers bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (provider, subject)
);
