//! A workspace of 200 packages, each of which needs those before it.

use std::{fmt::Write as _, fs};

use serde_json::Value;

use crate::checkout::{Checkout, stderr};

const PACKAGES: usize = 200;

const PIPELINE: &str = "
version: 1
pipeline:
  build:
    command: 'echo run >> ../../../runs; mkdir dist; cat src/a > dist/a; for d in $(cat needs); do cat ../$d/dist/a >> dist/a; done'
    inputs: [src, needs]
    outputs: [dist]
    depends_on: [^build]
  test:
    command: 'echo run >> ../../../runs; grep -q . dist/a'
    inputs: [src]
    depends_on: [build]
";

/// Package n needs n / 2 and n - 7, as far as those exist.
fn needs(number: usize) -> Vec<usize> {
    let mut needs = vec![number / 2];
    needs.extend(number.checked_sub(7));
    needs.retain(|other| *other != number);
    needs.sort_unstable();
    needs.dedup();
    needs
}

fn checkout() -> Checkout {
    let checkout = Checkout::new(&[
        ("velocity.yml", PIPELINE),
        ("package.json", r#"{"workspaces":["packages/*"]}"#),
        (".gitignore", "dist\n"),
    ]);
    for number in 0..PACKAGES {
        let (mut json, mut list) = (String::new(), String::new());
        for other in needs(number) {
            write!(
                json,
                "{}\"p{other}\":\"*\"",
                if json.is_empty() { "" } else { "," }
            )
            .unwrap();
            writeln!(list, "p{other}").unwrap();
        }
        let directory = format!("packages/p{number}");
        let json = format!("{{\"name\":\"p{number}\",\"dependencies\":{{{json}}}}}");
        checkout.write(&format!("{directory}/package.json"), &json);
        checkout.write(&format!("{directory}/needs"), &list);
        checkout.write(&format!("{directory}/src/a"), &format!("{number}\n"));
    }
    checkout
}

/// The packages that a change of one reaches.
fn reached_from(start: usize) -> usize {
    let mut is_reached = [false; PACKAGES];
    is_reached[start] = true;
    for number in start + 1..PACKAGES {
        is_reached[number] = needs(number).iter().any(|other| is_reached[*other]);
    }
    is_reached.iter().filter(|reached| **reached).count()
}

#[test]
fn workspace_of_200_packages_runs_what_has_changed() {
    let checkout = checkout();
    let first = checkout.run(&["test", "--json"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert_eq!(checkout.runs(), 2 * PACKAGES);
    let last = checkout.read("packages/p199/dist/a");
    for number in 0..PACKAGES {
        fs::remove_dir_all(checkout.path(&format!("packages/p{number}/dist"))).unwrap();
    }
    let second = checkout.run(&["test", "--json"]);
    let summary: Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!(summary["summary"]["local"], 2 * PACKAGES);
    assert_eq!(checkout.read("packages/p199/dist/a"), last);
    // One package and those that need it.
    checkout.write("packages/p150/src/a", "changed\n");
    let third = checkout.run(&["test", "--json", "--concurrency", "8"]);
    assert_eq!(third.status.code(), Some(0), "{}", stderr(&third));
    let reached = reached_from(150);
    assert!(reached > 1 && reached < PACKAGES, "{reached}");
    assert_eq!(checkout.runs(), 2 * (PACKAGES + reached));
}
