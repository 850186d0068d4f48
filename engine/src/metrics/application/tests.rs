//! Metrics of the application as its processes use them.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::metrics::{Family, Format, Reading, render};

const BYTES: usize = 4 << 20;

fn leaked(application: Application) -> &'static Application {
    Box::leak(Box::new(application))
}

fn anonymous() -> &'static Application {
    leaked(Application::anonymous(BYTES).unwrap())
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
        .collect()
}

fn series(
    application: &'static Application,
    name: &str,
    kind: MetricKind,
    pairs: &[(&str, &str)],
) -> Series {
    let definition = application.definition(name, kind).unwrap();
    application.series(&definition, labels(pairs)).unwrap()
}

fn declaration(name: &str, kind: MetricKind, names: &[&str], bounds: &[f64]) -> Definition {
    Definition {
        name: name.into(),
        kind,
        help: "Help.".into(),
        labels: names.iter().map(|name| (*name).to_owned()).collect(),
        bounds: bounds.into(),
        mode: GaugeMode::default(),
    }
}

fn page(application: &'static Application) -> Vec<String> {
    let families: Vec<Family> = application.families();
    let page = render(&families, Format::Prometheus);
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn processes_add_to_one_series_whatever_the_order_of_labels() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let open = || leaked(Application::open(&path, BYTES).unwrap());
    let (one, other) = (open(), open());
    series(
        one,
        "orders_total",
        MetricKind::Counter,
        &[("a", "1"), ("b", "2")],
    )
    .add(2.0);
    series(
        other,
        "orders_total",
        MetricKind::Counter,
        &[("b", "2"), ("a", "1")],
    )
    .add(0.5);
    series(other, "load", MetricKind::Gauge, &[]).set(7.0);
    series(one, "load", MetricKind::Gauge, &[]).add(-1.5);
    let seconds = series(one, "seconds", MetricKind::Histogram, &[]);
    [0.005, 0.006, 99.0]
        .into_iter()
        .for_each(|value| seconds.observe(value));
    series(one, "size", MetricKind::Summary, &[]).observe(3.0);
    let page = page(other);
    for line in [
        "orders_total{a=\"1\",b=\"2\"} 2.5",
        "load 5.5",
        "seconds_bucket{le=\"0.005\"} 1",
        "seconds_bucket{le=\"0.01\"} 2",
        "seconds_bucket{le=\"+Inf\"} 3",
        "seconds_count 3",
        "size_sum 3",
        "size_count 1",
    ] {
        assert!(page.iter().any(|found| found == line), "{line} in {page:?}");
    }
}

#[test]
fn counter_never_decreases() {
    let application = anonymous();
    let counter = series(application, "a", MetricKind::Counter, &[]);
    for by in [3.0, -1.0, f64::NAN, f64::NEG_INFINITY, 0.0] {
        counter.add(by);
    }
    assert_eq!(page(application), ["a 3"]);
}

#[test]
fn definition_without_labels_is_on_the_page_at_once() {
    let application = anonymous();
    application
        .declare(declaration("b", MetricKind::Histogram, &["x"], &[2.0]))
        .unwrap();
    application
        .declare(declaration("a", MetricKind::Counter, &[], &[]))
        .unwrap();
    assert_eq!(page(application), ["a 0"]);
    let defined = application.definition("b", MetricKind::Histogram).unwrap();
    assert_eq!(
        defined,
        declaration("b", MetricKind::Histogram, &["x"], &[2.0])
    );
    assert!(matches!(
        application.series(&defined, labels(&[])),
        Err(Refusal::Invalid(_))
    ));
    assert!(matches!(
        application.series(&defined, labels(&[("y", "")])),
        Err(Refusal::Invalid(_))
    ));
    let pair = labels(&[("x", "v"), ("x", "w")]);
    assert!(matches!(
        application.series(&defined, pair),
        Err(Refusal::Invalid(_))
    ));
    assert!(application.series(&defined, labels(&[("x", "v")])).is_ok());
}

#[test]
fn new_definition_replaces_the_former_one() {
    let application = anonymous();
    let [former, new] =
        [1.0, 2.0].map(|bound| declaration("h", MetricKind::Histogram, &[], &[bound]));
    application.declare(former.clone()).unwrap();
    series(application, "h", MetricKind::Histogram, &[]).observe(1.0);
    let generation = application.generation();
    application.declare(former.clone()).unwrap();
    assert_eq!(application.generation(), generation);
    application.declare(new).unwrap();
    assert_ne!(application.generation(), generation);
    assert!(page(application).contains(&"h_bucket{le=\"2\"} 0".to_owned()));
    let used = application.usage();
    application.declare(former).unwrap();
    assert!(page(application).contains(&"h_bucket{le=\"1\"} 1".to_owned()));
    assert_eq!(
        application.usage(),
        used,
        "two versions that take turns take no space"
    );
}

#[test]
fn cleared_series_comes_back_when_it_is_used() {
    let application = anonymous();
    series(application, "a", MetricKind::Counter, &[("x", "1")]).add(5.0);
    series(application, "a", MetricKind::Counter, &[("x", "2")]).add(5.0);
    let generation = application.generation();
    application.clear();
    assert!(page(application).is_empty() && application.generation() != generation);
    series(application, "a", MetricKind::Counter, &[("x", "2")]).add(1.0);
    assert_eq!(page(application), ["a{x=\"2\"} 1"]);
}

#[test]
fn unregistered_metric_can_change_its_type() {
    let application = anonymous();
    series(application, "a", MetricKind::Counter, &[]).add(5.0);
    series(application, "b", MetricKind::Counter, &[]).add(5.0);
    assert!(
        application.unregister("a") && !application.unregister("a") && !application.unregister("c")
    );
    assert_eq!(page(application), ["b 5"]);
    series(application, "a", MetricKind::Gauge, &[]).set(2.0);
    assert_eq!(page(application), ["a 2", "b 5"]);
}

#[test]
fn series_beyond_the_memory_are_refused_and_counted() {
    let application = leaked(Application::anonymous(8 * 1024).unwrap());
    let definition = application.definition("a", MetricKind::Counter).unwrap();
    let refused = (0..1000)
        .filter(|n: &i32| {
            application
                .series(&definition, labels(&[("n", &n.to_string())]))
                .is_err()
        })
        .count();
    assert!((500..1000).contains(&refused), "{refused}");
    assert_eq!(application.refused(), refused as u64);
    assert_eq!(page(application).len(), 1000 - refused);
}

#[test]
fn first_use_of_many_threads_defines_a_metric_once() {
    let application = anonymous();
    let is_ready = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for kind in [MetricKind::Counter, MetricKind::Gauge].repeat(4) {
            let is_ready = &is_ready;
            scope.spawn(move || {
                while !is_ready.load(Ordering::Acquire) {}
                let definition = application.definition("a", kind).unwrap();
                application
                    .series(&definition, labels(&[]))
                    .unwrap()
                    .add(1.0);
            });
        }
        is_ready.store(true, Ordering::Release);
    });
    assert_eq!(page(application), ["a 8"]);
}

#[test]
fn killed_process_loses_no_call_that_returned() {
    let dir = tempfile::tempdir().unwrap();
    let application = leaked(Application::open(&dir.path().join("a.seg"), BYTES).unwrap());
    let returned = application
        .records
        .find_or_add(b"returned", 1)
        .unwrap()
        .words();
    let all = series(application, "all", MetricKind::Counter, &[]);
    let mut before = 0.0;
    for round in 0..1000 {
        // The first rounds create series, the others use them.
        let round = round % 100;
        returned[0].store(0, Ordering::Relaxed);
        // SAFETY: the child uses memory of its own and the segment, and ends by a signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            loop {
                // Each call looks its series up; some calls create one.
                let made = returned[0].load(Ordering::Relaxed) % 10;
                let name = format!("round_{round}_{made}");
                series(application, &name, MetricKind::Counter, &[("a", "b")]).add(1.0);
                series(application, "all", MetricKind::Counter, &[]).add(1.0);
                returned[0].fetch_add(1, Ordering::Relaxed);
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(200 + round * 13));
        // SAFETY: `child` is our child.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        let Reading::Number(now) = all.reading() else {
            panic!("a counter");
        };
        let returned = returned[0].load(Ordering::Relaxed) as f64;
        assert!(
            (returned..=returned + 1.0).contains(&(now - before)),
            "{now} - {before}, {returned}"
        );
        before = now;
    }
    assert!(before > 100.0, "{before}");
}

#[test]
fn damaged_numbers_and_names_leave_the_page_valid() {
    let application = anonymous();
    let seconds = series(application, "seconds", MetricKind::Histogram, &[("a", "b")]);
    seconds.observe(0.001);
    application.for_each_series(|_, words| {
        for word in words.iter().skip(1) {
            word.store(u64::MAX - 1, Ordering::Relaxed);
        }
    });
    let counts = |line: &String| line.starts_with("seconds_count{a=\"b\"} ");
    assert!(page(application).iter().any(counts));
    // A name, and a label's name, that were changed in place.
    let mut broken = declaration("load", MetricKind::Gauge, &[], &[]);
    broken.name = "a b".into();
    let (record, name) = application.add_definition(&broken).unwrap();
    name.store(record.position(), Ordering::Relaxed);
    application
        .find_or_add_series(&broken, &Labels::new())
        .unwrap();
    let load = application.definition("load", MetricKind::Gauge).unwrap();
    application
        .find_or_add_series(&load, &labels(&[("a\n", "1")]))
        .unwrap();
    let page = page(application);
    assert!(
        page.iter().all(|line| line.starts_with("seconds")),
        "{page:?}"
    );
}

#[test]
fn gauge_of_a_process_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let open = || leaked(Application::open(&path, BYTES).unwrap());
    let page_of = open();
    let modes = [
        ("all", GaugeMode::LiveAll),
        ("sum", GaugeMode::LiveSum),
        ("max", GaugeMode::LiveMax),
        ("min", GaugeMode::LiveMin),
    ];
    for (name, mode) in modes {
        let declared = declaration(name, MetricKind::Gauge, &["a"], &[]);
        page_of.declare(Definition { mode, ..declared }).unwrap();
    }
    assert_eq!(page(page_of), [""; 0], "no process has a value");
    let set = |application: &'static Application, value: f64| {
        for (name, _) in modes {
            series(application, name, MetricKind::Gauge, &[("a", "b")]).set(value);
        }
    };
    set(page_of, 5.0);
    let own = std::process::id();
    let mut used = 0;
    for round in 0..3 {
        let (reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the child uses memory of its own and the segment, and ends by a signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            after_fork();
            set(open(), f64::from(round + 10));
            // Its own child lives on, and must not keep the values of its parent alive.
            // SAFETY: as above; it ends by itself.
            let grandchild = unsafe { libc::fork() };
            if grandchild == 0 {
                after_fork();
                let _ = std::io::Write::write_all(&mut &writer, b"x");
                std::thread::sleep(std::time::Duration::from_secs(2));
                // SAFETY: ends the child without running the test harness's own exit.
                unsafe { libc::_exit(0) };
            }
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        }
        drop(writer);
        std::io::Read::read_exact(&mut &reader, &mut [0]).unwrap();
        let value = round + 10;
        let mut expected = vec![
            format!("all{{a=\"b\",pid=\"{own}\"}} 5"),
            format!("all{{a=\"b\",pid=\"{child}\"}} {value}"),
            format!("max{{a=\"b\"}} {value}"),
            "min{a=\"b\"} 5".to_owned(),
            format!("sum{{a=\"b\"}} {}", value + 5),
        ];
        let mut found = page(page_of);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        // SAFETY: `child` is our child.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        let alone = [
            format!("all{{a=\"b\",pid=\"{own}\"}} 5"),
            "max{a=\"b\"} 5".to_owned(),
            "min{a=\"b\"} 5".to_owned(),
            "sum{a=\"b\"} 5".to_owned(),
        ];
        assert_eq!(page(page_of), alone);
        // Another process that is killed has the same number, or one of few more.
        let now = page_of.usage().0;
        assert!(round == 0 || now - used < 2048, "{used} {now}");
        used = now;
    }
    page_of.clear();
    assert_eq!(page(page_of), [""; 0]);
    set(page_of, 1.0);
    assert_eq!(page(page_of).len(), 4);
}

#[test]
fn names_of_the_numbers_of_another_metric_are_refused() {
    use MetricKind::{Counter, Gauge, Histogram, Summary};
    let clashes = |first: (&str, MetricKind), second: (&str, MetricKind)| {
        let application = anonymous();
        let define = |(name, kind)| application.definition(name, kind).map(drop);
        assert_eq!(define(first), Ok(()));
        let refused = matches!(define(second), Err(Refusal::Invalid(_)));
        let declared = application.declare(declaration(second.0, second.1, &[], &[]));
        assert_eq!(refused, declared.is_err(), "{first:?} {second:?}");
        refused
    };
    for suffix in ["_bucket", "_sum", "_count"] {
        let name = format!("a{suffix}");
        for kind in [Counter, Gauge] {
            assert!(clashes(("a", Histogram), (&name, kind)));
            assert!(clashes((&name, kind), ("a", Histogram)));
            assert!(!clashes(("a", Counter), (&name, kind)));
        }
        let is_of_summary = suffix != "_bucket";
        assert_eq!(clashes(("a", Summary), (&name, Counter)), is_of_summary);
        assert_eq!(clashes((&name, Counter), ("a", Summary)), is_of_summary);
    }
    assert!(!clashes(("a", Histogram), ("a_total", Counter)));
    assert!(!clashes(("a", Histogram), ("ab_count", Counter)));
}

#[test]
fn series_of_one_name_is_on_the_page_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.seg");
    let application = leaked(Application::open(&path, BYTES).unwrap());
    series(application, "a", MetricKind::Summary, &[]).observe(1.0);
    // As another process that has not seen the first definition.
    let other = declaration("a_count", MetricKind::Counter, &[], &[]);
    let (record, name) = application.add_definition(&other).unwrap();
    name.store(record.position(), Ordering::Release);
    let counter = application.series(&other, Labels::new()).unwrap();
    counter.add(7.0);
    assert_eq!(page(application), ["a_sum 1", "a_count 1"]);
}

#[test]
fn label_without_a_value_is_none() {
    let application = anonymous();
    series(application, "a_total", MetricKind::Counter, &[]).add(5.0);
    series(application, "a_total", MetricKind::Counter, &[("l", "")]).add(2.0);
    assert_eq!(page(application), ["a_total 7"]);
}
