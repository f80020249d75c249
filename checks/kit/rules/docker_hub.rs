//! The names of Docker Hub: what people write, what docker stores credentials under, and the host
//! that serves its images (distribution/reference and docker/cli).

/// The registry of an image that names none.
pub const NAME: &str = "docker.io";
/// The registry's older name.
pub const INDEX: &str = "index.docker.io";
/// The host that serves its images.
pub const SERVER: &str = "registry-1.docker.io";
/// The key under which docker stores its credentials.
pub const CONFIG_KEY: &str = "https://index.docker.io/v1/";
/// Every host that stands for it where somebody wrote a key of credentials.
pub const NAMES: [&str; 4] = [INDEX, NAME, SERVER, "hub.docker.com"];

/// Images that Docker itself keeps, by the name that everybody uses. That one of them is meant
/// needs no word; a newer one that is missing here only costs a warning.
const OFFICIAL: [&str; 62] = [
    "adminer",
    "alpine",
    "almalinux",
    "amazonlinux",
    "amazoncorretto",
    "archlinux",
    "bash",
    "buildpack-deps",
    "busybox",
    "caddy",
    "cassandra",
    "centos",
    "clojure",
    "composer",
    "consul",
    "couchbase",
    "couchdb",
    "debian",
    "docker",
    "drupal",
    "eclipse-mosquitto",
    "eclipse-temurin",
    "elasticsearch",
    "elixir",
    "erlang",
    "fedora",
    "gcc",
    "ghost",
    "golang",
    "gradle",
    "haproxy",
    "hello-world",
    "httpd",
    "influxdb",
    "kibana",
    "kong",
    "logstash",
    "mariadb",
    "maven",
    "memcached",
    "mongo",
    "mysql",
    "nats",
    "neo4j",
    "nextcloud",
    "nginx",
    "node",
    "openjdk",
    "perl",
    "php",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "registry",
    "rockylinux",
    "ruby",
    "rust",
    "tomcat",
    "traefik",
    "ubuntu",
    "wordpress",
];

/// Returns whether Docker itself keeps an image of that name.
pub fn is_official(name: &str) -> bool {
    OFFICIAL.contains(&name)
}
