//! How a registry asks to sign in: schemes on one line or several, quotes, order, duplicates, spaces.

use super::draft::{Auth, Draft, PASSWORD, REPOSITORY, USER};
use super::rng::Rng;

pub fn challenge(draft: &mut Draft, rng: &mut Rng) {
    if draft.auth == Auth::Open {
        draft.auth = Auth::Bearer;
    }
    let host = draft.host();
    let realm = format!("https://{}{}", draft.realm.0, draft.realm.1);
    if draft.auth == Auth::Basic || rng.chance(15) {
        draft.auth = Auth::Basic;
        draft.login = rng.chance(80).then(|| (USER.to_owned(), PASSWORD.to_owned()));
        let basic = [
            format!("Basic realm=\"{host}\""),
            "Basic".to_owned(),
            "basic".to_owned(),
            "BASIC realm=x".to_owned(),
            "Basic realm=\"a, b\", charset=\"UTF-8\"".to_owned(),
            "Basic, realm=x".to_owned(),
            " Basic realm=x".to_owned(),
            "\"Basic\" realm=x".to_owned(),
            "Basic:realm=x".to_owned(),
            "Negotiate, Basic realm=x".to_owned(),
            String::new(),
        ];
        draft.challenge = vec![rng.pick(&basic)];
        let others =
            ["Negotiate", "Digest realm=\"x\", nonce=\"y\"", "NTLM", "Bearer", "Bearer realm=\"\""];
        if rng.chance(40) {
            let at = rng.below(2);
            draft.challenge.insert(at, rng.pick(&others).to_owned());
        }
    } else {
        draft.challenge = bearer(rng, &realm, &host);
    }
    draft.tell(format!("WWW-Authenticate: {:?}", draft.challenge));
}

fn bearer(rng: &mut Rng, realm: &str, host: &str) -> Vec<String> {
    let scope = format!("repository:{REPOSITORY}:pull");
    let quoted = |value: &str| format!("\"{value}\"");
    let realms = [
        quoted(realm),
        quoted(realm),
        quoted(realm),
        quoted(&format!("{realm}?account=x&a=b%20c")),
        quoted(&format!("{realm}#part")),
        quoted(&realm.replace("https", "HTTPS")),
        quoted(&format!(" {realm}")),
        quoted(&format!("{realm} ")),
        quoted(&realm.replace('/', "\\/")),
        quoted(&realm.replacen("https://", "https://u:p@", 1)),
        quoted(&realm.replacen(".test/", ".test:443/", 1)),
        quoted(&realm.to_uppercase().replace("/TOKEN", "/token").replace("HTTPS", "https")),
        quoted(&realm.replacen(".test/", ".test./", 1)),
        quoted("/token"),
        quoted("token"),
        quoted(&realm.replacen("https:", "", 1)),
        quoted(&realm.replacen("https://", "", 1)),
        quoted(""),
        quoted("https://"),
        quoted("ftp://x.test/token"),
        quoted("https://x y.test/token"),
        quoted("https://[::1/token"),
        quoted("https://x.test:port/token"),
        quoted("https://nobody.nowhere.test/token"),
        quoted(&format!("{realm}%zz")),
        quoted(&format!("{realm}/../token")),
        quoted(&format!("{realm}?q=a;b")),
        realm.to_owned(),
        format!("'{realm}'"),
        format!("\"{realm}"),
    ];
    let service = [
        quoted(host),
        quoted("registry"),
        host.to_owned(),
        quoted(""),
        quoted("a \\\"b\\\" c"),
        quoted("a,b=c"),
    ];
    let scopes = [
        quoted(&scope),
        quoted(&scope),
        quoted(&format!("{scope} repository:other/app:pull")),
        quoted(&format!("{scope},push")),
        quoted("registry:catalog:*"),
        quoted(""),
        quoted("  "),
        scope,
    ];
    let mut params = vec![format!("realm={}", rng.pick(&realms))];
    if rng.chance(30) {
        params[0] = format!("realm={}", realms[0]);
    }
    if rng.chance(85) {
        params.push(format!("service={}", rng.pick(&service)));
    }
    if rng.chance(80) {
        params.push(format!("scope={}", rng.pick(&scopes)));
    }
    match rng.below(12) {
        0 => params.push("error=\"insufficient_scope\"".to_owned()),
        1 => params.push("error=\"invalid_token\"".to_owned()),
        2 => params.push("error=\"\"".to_owned()),
        3 => params.push("error_description=\"no token, sorry\"".to_owned()),
        4 => params.insert(0, "realm=\"https://first.test/token\"".to_owned()),
        5 => params.push("realm=\"https://last.test/token\"".to_owned()),
        6 => params.insert(0, "x".to_owned()),
        7 => params.swap_remove(0).clear(),
        _ => {}
    }
    if rng.chance(30) {
        params.reverse();
    }
    let between = rng.pick(&[",", ", ", " , ", ",\t", ",,", "; ", " "]);
    let between = if rng.chance(50) { "," } else { between };
    let scheme = rng.pick(&["Bearer", "Bearer", "bearer", "BEARER", "Bearer "]);
    let mut line = format!("{scheme} {}", params.join(between));
    match rng.below(14) {
        0 => line = line.replacen('=', " = ", 1),
        1 => line = line.replacen("realm", "REALM", 1),
        2 => line.push(','),
        3 => line = format!("Basic realm=\"{host}\", {line}"),
        4 => line = format!("{line}, Basic realm=\"{host}\""),
        5 => line = format!("Negotiate, {line}"),
        6 => line = line.replacen("realm=", "realm= ", 1),
        _ => {}
    }
    let mut lines = vec![line];
    let others = [
        format!("Basic realm=\"{host}\""),
        "Negotiate".to_owned(),
        "Digest realm=\"x\", nonce=\"y\"".to_owned(),
        "Bearer realm=\"https://second.test/token\"".to_owned(),
        "Bearer".to_owned(),
        String::new(),
    ];
    if rng.chance(30) {
        let at = rng.below(2);
        lines.insert(at, rng.pick(&others));
    }
    lines
}
