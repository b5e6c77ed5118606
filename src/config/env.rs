//! The variables cgo reads, each with its meaning.

/// The settings file to read instead of the user's.
pub const CONFIG: &str = "CGO_CONFIG";
/// The store: a file's path, `sqlite:PATH` or `postgres://…`.
pub const STORE: &str = "CGO_STORE";
/// The folder for releases, logs and the store.
pub const DATA: &str = "CGO_DATA";
/// The folder for dependencies; may be deleted at any time.
pub const CACHE: &str = "CGO_CACHE";
/// The file with the identity that secrets are encrypted for.
pub const IDENTITY: &str = "CGO_IDENTITY";
/// How long a process that stays keeps an agent's file in memory, in seconds.
pub const AGENT_CACHE_SECONDS: &str = "CGO_AGENT_CACHE_SECONDS";
/// The Python to use instead of the newest one found.
pub const PYTHON: &str = "CGO_PYTHON";

/// The provider of agents whose file names none.
pub const PROVIDER: &str = "CGO_PROVIDER";
/// The model of agents whose file names none.
pub const MODEL: &str = "CGO_MODEL";

/// What a run may spend on models before a person is asked, in US dollars.
pub const BUDGET: &str = "CGO_BUDGET";
/// The same for a project in all its runs.
pub const BUDGET_PROJECT: &str = "CGO_BUDGET_PROJECT";
/// The same for all runs and trials of a day in UTC.
pub const BUDGET_DAY: &str = "CGO_BUDGET_DAY";

/// How long a question or an approval stays open.
pub const ANSWER_WITHIN: &str = "CGO_ANSWER_WITHIN";

/// Who writes code that is not generated.
pub const CODER: &str = "CGO_CODER";
/// What keeps a coder from the rest of the machine.
pub const SANDBOX: &str = "CGO_SANDBOX";
/// How many tasks of a run are worked on at once.
pub const TASKS_AT_ONCE: &str = "CGO_TASKS_AT_ONCE";
/// The public ports that services get, such as `8000-8999`.
pub const PORTS: &str = "CGO_PORTS";
/// The address of GitHub's API.
pub const GITHUB_API: &str = "CGO_GITHUB_API";
/// Whether a run fails when a secret would reach a model.
pub const STRICT_SECRETS: &str = "CGO_STRICT_SECRETS";

/// Where the authority that signs certificates writes to.
pub const ACME_EMAIL: &str = "CGO_ACME_EMAIL";
/// Which authority signs certificates.
pub const ACME_CA: &str = "CGO_ACME_CA";
/// The file with the certificate that authority proves who it is with.
pub const ACME_CA_ROOT: &str = "CGO_ACME_CA_ROOT";
/// Which authority a dry run asks for a certificate nobody needs.
pub const ACME_TRIAL: &str = "CGO_ACME_TRIAL";

/// The SSH key of `cgo deploy --ci`: the key itself, or the path of its file.
pub const SSH_KEY: &str = "CGO_SSH_KEY";
/// The host key of the server of `cgo deploy --ci`.
pub const SSH_HOST_KEY: &str = "CGO_SSH_HOST_KEY";

/// Where notices are sent as JSON.
pub const WEBHOOK: &str = "CGO_WEBHOOK";
/// The secret that signs what is sent there, unless the settings name another variable.
pub const WEBHOOK_SECRET: &str = "CGO_WEBHOOK_SECRET";

/// The address of Telegram's Bot API.
pub const TELEGRAM_API: &str = "CGO_TELEGRAM_API";

/// Every variable with its meaning, for help and for the settings listing.
pub const ALL: &[(&str, &str)] = &[
    (CONFIG, "settings file to read instead of the user's"),
    (STORE, "store: a file's path, sqlite:PATH or postgres://…"),
    (DATA, "folder for releases, logs and the store"),
    (CACHE, "folder for dependencies; may be deleted at any time"),
    (IDENTITY, "file with the identity that secrets are encrypted for"),
    (AGENT_CACHE_SECONDS, "seconds a process that stays keeps an agent's file in memory"),
    (PYTHON, "Python to use instead of the newest one found"),
    (PROVIDER, "provider of agents whose file names none: offline, openai, anthropic, ollama, …"),
    (MODEL, "model of agents whose file names none"),
    (BUDGET, "US dollars a run may spend on models before a person is asked"),
    (BUDGET_PROJECT, "the same for a project in all its runs; no such limit unless it is set"),
    (BUDGET_DAY, "the same for all runs and trials of a day in UTC; no such limit unless it is set"),
    (
        ANSWER_WITHIN,
        "how long a question stays open, such as 12h or 3d; then what it assumes is taken, or its run ends",
    ),
    (CODER, "who writes code: native, claude, codex, opencode, aider, goose, droid, none"),
    (SANDBOX, "what keeps a coder from the rest of the machine: bubblewrap, off"),
    (TASKS_AT_ONCE, "how many tasks of a run are worked on at once"),
    (PORTS, "public ports that services get, out of 8000-9999: where several share a machine, a range each"),
    (GITHUB_API, "address of GitHub's API; of an Enterprise Server: https://HOST/api/v3"),
    ("GH_TOKEN", "token for GitHub; GITHUB_TOKEN comes after it"),
    (STRICT_SECRETS, "true: a run fails when a secret would reach a model; else its handle goes in its place"),
    (ACME_EMAIL, "address the authority that signs certificates of domains writes to"),
    (ACME_CA, "who signs certificates of domains: production, staging, or the address of an ACME directory"),
    (ACME_CA_ROOT, "file with the certificate (PEM) that authority proves who it is with"),
    (
        ACME_TRIAL,
        "who `cgo deploy --dry-run` asks for a certificate for trials: staging, or the address of a directory",
    ),
    (SSH_KEY, "private key for `cgo deploy --ci`, or the path of its file"),
    (SSH_HOST_KEY, "host key of the server of `cgo deploy --ci`: a line of ssh-keyscan, or SHA256:…"),
    (WEBHOOK, "address that gets every notice as a POST of JSON, from `cgo serve`"),
    (WEBHOOK_SECRET, "secret that signs what is sent there, as standardwebhooks.com says"),
    (TELEGRAM_API, "address of the Bot API, for a server of one's own"),
    ("CGO_TELEGRAM_TOKEN", "token of the bot of `cgo serve --telegram`; CGO_TELEGRAM_TOKEN_FILE names a file with it"),
    ("NO_COLOR", "any value: no colours"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "OpenTelemetry collector that gets spans of runs; without it none are made"),
    ("VISUAL", "editor for `cgo agent edit`; EDITOR comes after it"),
];
