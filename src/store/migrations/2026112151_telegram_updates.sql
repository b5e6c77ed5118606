-- What was said to a bot and is not dealt with yet. The number that is asked for next stands in the store with it, so that
-- a process that is killed neither loses what was said nor does it twice.
create table telegram_bot (
    bot_id bigint primary key not null,
    next_update bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create table telegram_update (
    bot_id bigint not null,
    update_id bigint not null,
    chat_id bigint not null,
    body text not null,
    state text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (bot_id, update_id)
);
create index telegram_update_lane on telegram_update (bot_id, state, chat_id, update_id);
