//! Every parser of foreign bytes, in one place: the fuzz targets and the property tests take them
//! from here. Checks import them from where they are defined.

pub use crate::{
    acr::{deleted_entries, lets_read, next_deleted_page, part_below, vault},
    cluster::{failures, objections},
    dns::Corefile,
    kit::{
        azure::{
            arm::{
                ArmError, Page, Rows, allow, covers, encoded, next_target, quota_resets_after,
                retry_after,
            },
            cli::refusal as az_refusal,
        },
        engine::Event,
        keyring::{DockerConfig, PullSecret, Stored},
        net::{DnsAnswer, ErrorBody, NoAnswer, Question, challenges, read_dns_answer, redirected},
        redact::claims,
        rules::{
            ContainerdVersion, GoBuild, NoProxy, Pattern, Platform, ProxyUrl, Puller, ResolvConf,
            SystemdSection, environ, environment_file, flag, request_url, system_unit,
        },
        target::RegistryOrImage,
        world::{TrustPlaces, toml, yaml, yaml_loosely},
    },
    kubelet::{
        azure_json::{AzureJson, SignInMethod},
        is_known,
        provider::Providers,
    },
    layer::{Unpacked, Unpacker},
    manifest::{entry, named, read as read_manifest},
    pod::{Message, NamedImages, images_of},
    role::{Condition, DenyAssignment, RoleAssignment, RoleDefinition},
    runtime::{Config, HostsFile},
    token::{
        endpoint::{GOT, POSTED, token_in},
        exchange::refresh_token,
    },
};
