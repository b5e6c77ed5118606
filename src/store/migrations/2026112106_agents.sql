-- Every version of every agent's file, byte for byte. Versions are added and never change, so there is no updated_at.
create table agent_version (
    agent text not null,
    version bigint not null,
    body text not null,
    origin text not null,
    created_at bigint not null,
    primary key (agent, version)
);
