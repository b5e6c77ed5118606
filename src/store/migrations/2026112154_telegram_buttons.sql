-- Buttons that work once, in one chat, for one person, and messages whose reply means something. What a button does is
-- kept here and not in the button: a press can be forged.
create table telegram_button (
    nonce text primary key not null,
    bot_id bigint not null,
    chat_id bigint not null,
    person_id bigint not null,
    action text not null,
    used_by bigint,
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create table telegram_prompt (
    bot_id bigint not null,
    chat_id bigint not null,
    message_id bigint not null,
    action text not null,
    created_at bigint not null,
    primary key (bot_id, chat_id, message_id)
);
