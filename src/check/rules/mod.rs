//! The rules about manifests, one file each. To add one: write the file, and name it twice below, in order.

mod sts701_fixed_field;
mod sts702_selector_misses_template;
mod sts703_invalid_field;
mod sts704_unknown_field;
mod sts705_refused_by_server;
mod sts710_name_too_long;
mod sts720_selector_overlaps;
mod sts730_no_stable_names;
mod sts740_claim_kept_as_it_is;
mod sts741_class_of_new_claims;
mod sts750_reference_missing;

use super::Rule;

/// Every rule, by code.
pub const ALL: [&Rule; 11] = [
    &sts701_fixed_field::RULE,
    &sts702_selector_misses_template::RULE,
    &sts703_invalid_field::RULE,
    &sts704_unknown_field::RULE,
    &sts705_refused_by_server::RULE,
    &sts710_name_too_long::RULE,
    &sts720_selector_overlaps::RULE,
    &sts730_no_stable_names::RULE,
    &sts740_claim_kept_as_it_is::RULE,
    &sts741_class_of_new_claims::RULE,
    &sts750_reference_missing::RULE,
];

/// Those that can be asked of a manifest that does not have the API's shape.
pub const SHAPE: [&Rule; 3] = [
    &sts703_invalid_field::RULE,
    &sts704_unknown_field::RULE,
    &sts705_refused_by_server::RULE,
];

/// Those whose errors are reasons for the server to refuse.
pub const REFUSALS: [&Rule; 5] = [
    &sts701_fixed_field::RULE,
    &sts702_selector_misses_template::RULE,
    &sts703_invalid_field::RULE,
    &sts704_unknown_field::RULE,
    &sts705_refused_by_server::RULE,
];
