//! Versions, as labels of a constant.

use super::{declare::metrics, family::Label};

const VERSION: Label = Label {
    name: "version",
    values: &[],
};
const PHP: &[Label] = &[
    VERSION,
    Label {
        name: "sapi",
        values: &[],
    },
];

metrics! {
    derived gauge PILLION_INFO("pillion_info", labels = &[VERSION]): "The version of Pillion that rendered the page.";
    derived gauge PHP_INFO("php_info", labels = PHP): "The PHP that rendered the page: version and server API.";
}
