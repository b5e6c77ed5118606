use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use tempfile::TempDir;

use super::super::{Installer, Interpreter, Version};
use super::*;
use crate::workspace::python::error::Network;

/// Stands for `uv`: makes an environment of a few files, and does what its variables say.
const FAKE_UV: &str = r#"#!/bin/sh
for last; do :; done
case "$1" in
venv)
    mkdir -p "$last/bin" "$last/lib/site/__pycache__"
    ln -s "$FAKE_INTERPRETER" "$last/bin/python"
    printf 'home = /gone\nprompt = cgo-environment\n' > "$last/pyvenv.cfg"
    echo 1 >> "$FAKE_COUNT"
    ;;
pip)
    test -z "$FAKE_SAYS" || { printf '%s\n' "$FAKE_SAYS" >&2; echo try >> "$FAKE_COUNT.tries"; exit 1; }
    echo "$last" >> "$FAKE_COUNT.locks"
    while [ "$1" != --python ]; do shift; done
    env=${2%/bin/python}
    printf '#!%s/bin/python\nprint(1)\n' "$env" > "$env/bin/tool"
    chmod 755 "$env/bin/tool"
    cat "$last" >> "$env/lib/site/installed.txt"
    echo 'x = 1' > "$env/lib/site/m.py"
    echo compiled > "$env/lib/site/__pycache__/m.pyc"
    echo native > "$env/lib/site/m.so"
    echo "$PIP_INDEX_URL $SECRET_OF_MINE" > "$env/lib/site/env.txt"
    test -z "$FAKE_WAITS" || { touch "$FAKE_WAITS"; while [ -e "$FAKE_WAITS" ]; do sleep 0.01; done; }
    ;;
esac
"#;

struct World {
    home: TempDir,
    toolchain: Toolchain,
    lock: PathBuf,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let uv = program("uv", FAKE_UV);
        let executable = program("python3", "#!/bin/sh\n");
        let lock = home.path().join("lock.txt");
        fs::write(&lock, "one==1\n").unwrap();
        let interpreter = Interpreter {
            executable,
            version: Version(3, 12, 1),
            implementation: "cpython".to_owned(),
            tag: "cpython-312".to_owned(),
            platform: "linux-x86_64".to_owned(),
            makes_environments: false,
        };
        Self { toolchain: Toolchain { interpreter, installer: Installer::Uv(uv) }, lock, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn cache(&self) -> Cache {
        let limits = Limits { pause: Duration::from_millis(1), ..Limits::default() };
        Cache::new(self.path("cache"))
            .with_limits(limits)
            .with_env("FAKE_COUNT", self.path("count"))
            .with_env("FAKE_INTERPRETER", &self.toolchain.interpreter.executable)
    }

    async fn provide(&self, cache: &Cache, target: &str) -> Result<Provided, Error> {
        let locks = [self.lock.clone()];
        cache.provide(&self.toolchain, &locks, &self.path(target), &mut |_| (), &CancellationToken::new()).await
    }

    async fn provide_layers(&self, locks: &[(&str, &str)], target: &str) -> Result<Provided, Error> {
        let paths: Vec<_> = locks.iter().map(|(name, _)| self.path(name)).collect();
        for (path, (_, text)) in paths.iter().zip(locks) {
            fs::write(path, text).unwrap();
        }
        let token = CancellationToken::new();
        self.cache().provide(&self.toolchain, &paths, &self.path(target), &mut |_| (), &token).await
    }

    /// The lock files that were installed from, in order.
    fn installed_from(&self) -> String {
        let text = fs::read_to_string(self.path("count.locks")).unwrap_or_default();
        text.lines().map(|line| Path::new(line).file_name().unwrap().to_string_lossy().into_owned() + " ").collect()
    }

    fn installations(&self) -> usize {
        fs::read_to_string(self.path("count")).unwrap_or_default().lines().count()
    }
}

#[tokio::test]
async fn the_first_is_installed_the_second_copied_and_the_third_left_alone() {
    let world = World::new();
    let cache = world.cache();
    let first = world.provide(&cache, "a/.venv").await.unwrap();
    let second = world.provide(&cache, "b b/.venv").await.unwrap();
    let third = world.provide(&cache, "b b/.venv").await.unwrap();
    assert_eq!([first.source, second.source, third.source], [Source::Installed, Source::Cache, Source::Present]);
    assert_eq!(world.installations(), 1);
    let tool = fs::read_to_string(world.path("a/.venv/bin/tool")).unwrap();
    assert_eq!(tool, format!("#!{}/bin/python\nprint(1)\n", world.path("a/.venv").display()));
    let tool = fs::read_to_string(world.path("b b/.venv/bin/tool")).unwrap();
    assert!(tool.starts_with("#!/bin/sh\n'''exec' \"/") && tool.contains("b b/.venv/bin/python\""), "{tool}");
    assert_eq!(fs::read_link(second.python).unwrap(), world.toolchain.interpreter.executable);
    let config = fs::read_to_string(world.path("a/.venv/pyvenv.cfg")).unwrap();
    assert_eq!(config, format!("home = {}\nprompt = a\n", world.home.path().display()));
    assert_eq!(fs::read_to_string(world.path("a/.venv/.gitignore")).unwrap(), "*\n");
}

#[tokio::test]
async fn only_what_nobody_edits_is_shared_and_times_are_kept() {
    let world = World::new();
    let made = world.provide(&world.cache(), "a/.venv").await.unwrap();
    let cached = world.path("cache/envs").join(&made.key);
    let inode = |root: &Path, name: &str| root.join(name).metadata().unwrap().ino();
    let copy = world.path("a/.venv");
    for (name, shared) in [("lib/site/m.py", false), ("lib/site/__pycache__/m.pyc", true), ("lib/site/m.so", true)] {
        assert_eq!(inode(&cached, name) == inode(&copy, name), shared, "{name}");
    }
    let time = |root: &Path| root.join("lib/site/m.py").metadata().unwrap().modified().unwrap();
    assert_eq!(time(&cached), time(&copy));
    fs::write(copy.join("lib/site/m.py"), "x = 2\n").unwrap();
    fs::write(copy.join("bin/tool"), "").unwrap();
    world.provide(&world.cache(), "b/.venv").await.unwrap();
    assert_eq!(fs::read_to_string(world.path("b/.venv/lib/site/m.py")).unwrap(), "x = 1\n");
}

#[tokio::test]
async fn a_copy_for_those_who_are_not_trusted_shares_nothing() {
    let world = World::new();
    let made = world.provide(&world.cache().sharing(Sharing::Nothing), "a/.venv").await.unwrap();
    let cached = world.path("cache/envs").join(&made.key);
    for name in ["lib/site/m.py", "lib/site/__pycache__/m.pyc", "lib/site/m.so"] {
        fs::write(world.path("a/.venv").join(name), "evil").unwrap();
        assert_ne!(fs::read_to_string(cached.join(name)).unwrap(), "evil", "{name}");
    }
    // Nor does one that was installed for it.
    assert_eq!(world.provide(&world.cache().sharing(Sharing::Nothing), "b").await.unwrap().source, Source::Cache);
}

#[tokio::test]
async fn another_lock_file_or_interpreter_is_another_environment() {
    let mut world = World::new();
    let cache = world.cache();
    let first = world.provide(&cache, "a").await.unwrap();
    fs::write(&world.lock, "two==2\n").unwrap();
    let second = world.provide(&cache, "a").await.unwrap();
    world.toolchain.interpreter.version = Version(3, 12, 2);
    let third = world.provide(&cache, "a").await.unwrap();
    assert!(first.key != second.key && second.key != third.key);
    assert_eq!(world.installations(), 3);
    assert!(!world.path(".a.cgo-old").exists() && !world.path(".a.cgo-new").exists());
}

#[tokio::test]
async fn what_is_damaged_unfinished_or_gone_is_made_again() {
    let world = World::new();
    let cache = world.cache();
    let key = world.provide(&cache, "a").await.unwrap().key;
    let cached = world.path("cache/envs").join(&key);
    fs::remove_file(cached.join("lib/site/m.py")).unwrap();
    fs::create_dir_all(world.path("cache/envs").join(format!("{key}.new-0123/bin"))).unwrap();
    fs::create_dir_all(world.path(".b.cgo-new/left")).unwrap();
    assert_eq!(world.provide(&cache, "b").await.unwrap().source, Source::Installed);
    assert!(world.path("b/lib/site/m.py").exists() && !world.path("b/left").exists());
    fs::remove_file(cached.join(MANIFEST)).unwrap();
    assert_eq!(world.provide(&cache, "c").await.unwrap().source, Source::Installed);
    fs::remove_dir_all(world.path("cache")).unwrap();
    assert!(world.path("c/lib/site/m.so").exists());
    assert_eq!(world.provide(&cache, "d").await.unwrap().source, Source::Installed);
    let names: Vec<_> = entries(&world.path("cache/envs"));
    assert_eq!(names.len(), 2, "more than an environment and its lock: {names:?}");
}

#[tokio::test]
async fn two_at_once_install_once() {
    let world = World::new();
    let gate = world.path("gate");
    let cache = world.cache().with_env("FAKE_WAITS", &gate);
    let open = async {
        while !gate.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::remove_file(&gate).unwrap();
    };
    let (first, second, ()) = tokio::join!(world.provide(&cache, "a"), world.provide(&cache, "b"), open);
    let mut sources = [first.unwrap().source, second.unwrap().source];
    sources.sort_by_key(|source| *source == Source::Installed);
    assert_eq!(sources, [Source::Cache, Source::Installed]);
    assert_eq!(world.installations(), 1);
}

#[tokio::test]
async fn a_network_that_stays_away_is_tried_three_times_and_nothing_half_made_is_left() {
    let world = World::new();
    let cache = world.cache().with_env("FAKE_SAYS", "error: Failed to fetch\n  cause: dns error");
    let error = world.provide(&cache, "a").await.unwrap_err();
    assert!(matches!(error, Error::NoNetwork { cause: Network::Dns, tries: 3 }), "{error:?}");
    assert_eq!(fs::read_to_string(world.path("count.tries")).unwrap().lines().count(), 3);
    assert!(!world.path("a").exists());
    assert!(entries(&world.path("cache/envs")).iter().all(|path| path.extension().is_some_and(|end| end == "lock")));
}

#[tokio::test]
async fn what_is_final_is_not_tried_again_and_credentials_are_not_shown() {
    let world = World::new();
    let says = "error: cannot use https://bob:hunter22@host/simple (hunter22)";
    let cache = world.cache().with_env("FAKE_SAYS", says).with_env("PIP_INDEX_URL", "https://bob:hunter22@host/simple");
    let mut heard = String::new();
    let locks = [world.lock.clone()];
    let mut say = |line: &str| heard.push_str(line);
    let token = CancellationToken::new();
    let error = cache.provide(&world.toolchain, &locks, &world.path("a"), &mut say, &token).await.unwrap_err();
    assert!(matches!(&error, Error::Installer { installer: "uv", .. }), "{error:?}");
    assert!(!format!("{error} {error:?} {heard}").contains("hunter22"), "{error:?} {heard}");
    assert!(heard.contains("https://***@host/simple"), "{heard}");
    assert_eq!(fs::read_to_string(world.path("count.tries")).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn what_is_no_environment_is_not_replaced() {
    let world = World::new();
    fs::create_dir(world.path("a")).unwrap();
    world.provide(&world.cache(), "a").await.unwrap();
    fs::create_dir(world.path("b")).unwrap();
    fs::write(world.path("b/thesis.tex"), "").unwrap();
    assert!(matches!(world.provide(&world.cache(), "b").await, Err(Error::Occupied { .. })));
    assert!(world.path("b/thesis.tex").exists());
}

#[tokio::test]
async fn an_installation_stops_when_it_is_asked_to_or_takes_too_long() {
    let world = World::new();
    let gate = world.path("gate");
    let cache = world.cache().with_env("FAKE_WAITS", &gate);
    let token = CancellationToken::new();
    let locks = [world.lock.clone()];
    let target = world.path("a");
    let mut say = |_: &str| ();
    let stop = async {
        while !gate.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        token.cancel();
    };
    let (result, ()) = tokio::join!(cache.provide(&world.toolchain, &locks, &target, &mut say, &token), stop);
    assert!(matches!(result, Err(Error::Interrupted)));
    let short = Limits { deadline: Duration::from_millis(300), ..Limits::default() };
    let result = world.provide(&cache.with_limits(short), "a").await;
    assert!(matches!(result, Err(Error::TimedOut { .. })), "{result:?}");
    assert!(!target.exists());
}

#[tokio::test]
async fn a_missing_lock_file_is_named() {
    let mut world = World::new();
    world.lock = world.path("nowhere.txt");
    let error = world.provide(&world.cache(), "a").await.unwrap_err().to_string();
    assert!(error.contains("nowhere.txt"), "{error}");
}

#[tokio::test]
async fn old_environments_are_pruned_but_five_stay_and_one_in_use_stays() {
    let world = World::new();
    let cache = world.cache();
    let mut keys = Vec::new();
    for number in 0..8 {
        fs::write(&world.lock, format!("p=={number}\n")).unwrap();
        keys.push(world.provide(&cache, "a").await.unwrap().key);
    }
    let envs = world.path("cache/envs");
    let now = SystemTime::now();
    for (days, key) in keys.iter().enumerate() {
        let file = File::options().append(true).open(envs.join(key).join(MANIFEST)).unwrap();
        file.set_modified(now - Duration::from_hours((29 + 2 * days as u64) * 24)).unwrap();
    }
    let busy = File::create(envs.join(format!("{}.lock", keys[7]))).unwrap();
    busy.lock().unwrap();
    assert_eq!(cache.prune(now).unwrap(), Pruned { removed: 2, kept: 6 });
    assert!(envs.join(&keys[7]).exists() && !envs.join(&keys[6]).exists() && envs.join(&keys[4]).exists());
    drop(busy);
    assert_eq!(cache.prune(now - Duration::from_hours(15 * 24)).unwrap(), Pruned { removed: 0, kept: 6 });
    assert!(world.path("a/lib/site/m.so").exists());
}

#[tokio::test]
async fn a_layer_is_built_upon_the_layer_below_which_is_cached_too() {
    let world = World::new();
    let (lock, dev) = (("lock", "a==1\n"), ("dev", "a==1\nb==2\n"));
    let layered = world.provide_layers(&[lock, dev], "a/.venv").await.unwrap();
    assert_eq!(layered.source, Source::Installed);
    assert_eq!((world.installed_from().as_str(), world.installations()), ("lock dev ", 1));
    let release = world.provide_layers(&[lock], "b/.venv").await.unwrap();
    assert_eq!(release.source, Source::Cache);
    let installed = |name: &str| fs::read_to_string(world.path(name).join("lib/site/installed.txt")).unwrap();
    assert_eq!((installed("a/.venv").as_str(), installed("b/.venv").as_str()), ("a==1\na==1\nb==2\n", "a==1\n"));
    let tool = fs::read_to_string(world.path("a/.venv/bin/tool")).unwrap();
    assert!(tool.starts_with(&format!("#!{}/bin/python\n", world.path("a/.venv").display())), "{tool}");
    let config = fs::read_to_string(world.path("a/.venv/pyvenv.cfg")).unwrap();
    assert!(config.ends_with("prompt = a\n"), "{config}");
    let more = world.provide_layers(&[lock, ("dev", "c==3\na==1\n")], "c").await.unwrap();
    assert_eq!((world.installed_from().as_str(), world.installations()), ("lock dev dev ", 1));
    assert!(more.key != layered.key && release.key != layered.key);
}

#[tokio::test]
async fn a_layer_that_pins_otherwise_than_the_one_below_is_installed_by_itself() {
    let world = World::new();
    world.provide_layers(&[("lock", "a==1\n")], "a").await.unwrap();
    world.provide_layers(&[("lock", "a==1\n"), ("dev", "a==2\nb==2\n")], "b").await.unwrap();
    assert_eq!((world.installed_from().as_str(), world.installations()), ("lock dev ", 2));
    let installed = |name: &str| fs::read_to_string(world.path(name).join("lib/site/installed.txt")).unwrap();
    assert_eq!((installed("a").as_str(), installed("b").as_str()), ("a==1\n", "a==2\nb==2\n"));
}

#[tokio::test]
async fn a_damaged_or_missing_layer_is_made_again_and_the_others_stay() {
    let world = World::new();
    let locks = [("lock", "a==1\n"), ("dev", "a==1\nb==2\n")];
    let layered = world.provide_layers(&locks, "a").await.unwrap().key;
    let base = world.provide_layers(&locks[..1], "b").await.unwrap().key;
    let envs = world.path("cache/envs");
    fs::remove_file(envs.join(&base).join("lib/site/m.py")).unwrap();
    assert_eq!(world.provide_layers(&locks, "c").await.unwrap().source, Source::Cache);
    fs::remove_dir_all(envs.join(&layered)).unwrap();
    fs::create_dir_all(envs.join(format!("{layered}.new-0123/bin"))).unwrap();
    assert_eq!(world.provide_layers(&locks, "d").await.unwrap().source, Source::Installed);
    assert_eq!(world.installed_from(), "lock dev lock dev ");
    assert_eq!(entries(&envs).len(), 4, "more than two environments and their locks");
}

#[tokio::test]
async fn layers_asked_for_at_once_in_any_mixture_are_installed_once() {
    let world = World::new();
    let (lock, dev, more) = (("lock", "a==1\n"), ("dev", "a==1\nb==2\n"), ("more", "a==1\nc==3\n"));
    let (both, others) = ([lock, dev], [lock, more]);
    let (first, second, third, fourth) = tokio::join!(
        world.provide_layers(&both, "a"),
        world.provide_layers(&both[..1], "b"),
        world.provide_layers(&others, "c"),
        world.provide_layers(&both, "d"),
    );
    for provided in [first, second, third, fourth] {
        assert!(provided.unwrap().python.symlink_metadata().is_ok());
    }
    let installed = world.installed_from();
    assert_eq!((installed.matches("lock").count(), installed.matches("dev").count()), (1, 1), "{installed}");
    assert_eq!((installed.matches("more").count(), world.installations()), (1, 1), "{installed}");
}
