//! The rules, one file each. To add one: write the file, and name it twice below, in order; a test compares.

mod sts101_class_missing;
mod sts102_no_default_class;
mod sts103_no_classless_volume;
mod sts104_claim_not_bound;
mod sts105_volume_too_small;
mod sts106_only_released_volumes;
mod sts107_no_volume_fits;
mod sts112_provisioner_not_deployed;
mod sts113_provisioner_renamed;
mod sts118_provisioner_down;
mod sts119_provisioner_not_visible;
mod sts120_provisioning_failed;
mod sts140_claim_terminating;
mod sts141_terminating_claim_blocks_pod;
mod sts199_claim_waits;
mod sts201_held_back;
mod sts204_withdrawn_revision;
mod sts205_controller_not_acting;
mod sts210_pod_not_created;
mod sts211_quota_used_up;
mod sts212_creation_backs_off;
mod sts213_name_taken;
mod sts214_finalizer_holds_pod;
mod sts220_partition_holds;
mod sts221_on_delete_waits;
mod sts301_insufficient_resources;
mod sts302_untolerated_taint;
mod sts304_waits_for_volume;
mod sts399_not_scheduled;
mod sts401_service_missing;
mod sts402_service_not_headless;
mod sts403_service_misses_pods;
mod sts405_service_external_name;
mod sts406_port_without_name;
mod sts407_pod_not_published;
mod sts408_stale_address;
mod sts409_subdomain_differs;
mod sts410_bootstrap_deadlock;
mod sts411_network_policy_blocks_dns;
mod sts412_foreign_slices;
mod sts413_address_family_missing;
mod sts420_dns_server_down;
mod sts421_zone_not_served;
mod sts422_corefile_withholds;
mod sts423_negative_cache;
mod sts424_stale_replica;
mod sts425_node_local_cache;
mod sts426_server_fails;
mod sts427_served_old_address;
mod sts501_image_not_pulled;
mod sts502_container_crashes;
mod sts503_out_of_memory;
mod sts504_readiness_fails;
mod sts599_pod_not_ready;
mod sts601_node_not_ready;
mod sts602_volume_out_of_reach;
mod sts805_data_reused;

use super::Rule;

/// Every rule, by code.
pub const ALL: [&Rule; 57] = [
    &sts101_class_missing::RULE,
    &sts102_no_default_class::RULE,
    &sts103_no_classless_volume::RULE,
    &sts104_claim_not_bound::RULE,
    &sts105_volume_too_small::RULE,
    &sts106_only_released_volumes::RULE,
    &sts107_no_volume_fits::RULE,
    &sts112_provisioner_not_deployed::RULE,
    &sts113_provisioner_renamed::RULE,
    &sts118_provisioner_down::RULE,
    &sts119_provisioner_not_visible::RULE,
    &sts120_provisioning_failed::RULE,
    &sts140_claim_terminating::RULE,
    &sts141_terminating_claim_blocks_pod::RULE,
    &sts199_claim_waits::RULE,
    &sts201_held_back::RULE,
    &sts204_withdrawn_revision::RULE,
    &sts205_controller_not_acting::RULE,
    &sts210_pod_not_created::RULE,
    &sts211_quota_used_up::RULE,
    &sts212_creation_backs_off::RULE,
    &sts213_name_taken::RULE,
    &sts214_finalizer_holds_pod::RULE,
    &sts220_partition_holds::RULE,
    &sts221_on_delete_waits::RULE,
    &sts301_insufficient_resources::RULE,
    &sts302_untolerated_taint::RULE,
    &sts304_waits_for_volume::RULE,
    &sts399_not_scheduled::RULE,
    &sts401_service_missing::RULE,
    &sts402_service_not_headless::RULE,
    &sts403_service_misses_pods::RULE,
    &sts405_service_external_name::RULE,
    &sts406_port_without_name::RULE,
    &sts407_pod_not_published::RULE,
    &sts408_stale_address::RULE,
    &sts409_subdomain_differs::RULE,
    &sts410_bootstrap_deadlock::RULE,
    &sts411_network_policy_blocks_dns::RULE,
    &sts412_foreign_slices::RULE,
    &sts413_address_family_missing::RULE,
    &sts420_dns_server_down::RULE,
    &sts421_zone_not_served::RULE,
    &sts422_corefile_withholds::RULE,
    &sts423_negative_cache::RULE,
    &sts424_stale_replica::RULE,
    &sts425_node_local_cache::RULE,
    &sts426_server_fails::RULE,
    &sts427_served_old_address::RULE,
    &sts501_image_not_pulled::RULE,
    &sts502_container_crashes::RULE,
    &sts503_out_of_memory::RULE,
    &sts504_readiness_fails::RULE,
    &sts599_pod_not_ready::RULE,
    &sts601_node_not_ready::RULE,
    &sts602_volume_out_of_reach::RULE,
    &sts805_data_reused::RULE,
];
