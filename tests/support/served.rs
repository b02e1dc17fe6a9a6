//! A recorded cluster behind a fake API server, and faults in front of it or of any other server.
//!
//! `behind(faults, recorded(cluster))` plays a recording; `behind(faults, upstream(address))` stands before a server
//! that speaks plain HTTP, for instance `kubectl proxy`, and passes on what no fault is for: reads and writes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use kubectl_sts::model::{resource::Resource, selector};
use serde_json::{Value, json};

use super::fake_api::{Answer, FakeApi, Seen};

/// What one kind of request is answered with instead.
pub struct Fault {
    /// `GET pods`, `DELETE pods/web-0`: the method and the end of the path.
    on: String,
    /// Only pages behind the first.
    later_page: bool,
    /// Only watches.
    watch: bool,
    /// How often.
    times: usize,
    answer: Answer,
}

impl Fault {
    /// For ever.
    pub fn on(on: &str, answer: Answer) -> Fault {
        Fault {
            on: on.to_owned(),
            later_page: false,
            watch: false,
            times: usize::MAX,
            answer,
        }
    }

    pub fn times(self, times: usize) -> Fault {
        Fault { times, ..self }
    }

    pub fn on_later_pages(self) -> Fault {
        Fault {
            later_page: true,
            ..self
        }
    }

    pub fn on_watches(self) -> Fault {
        Fault { watch: true, ..self }
    }

    fn is_for(&self, request: &Seen) -> bool {
        let (method, path, query) = parts(request);
        let (on_method, on_path) = self.on.split_once(' ').unwrap();
        let page = query.contains("continue=");
        on_method == method
            && (path.ends_with(&format!("/{on_path}")) || on_path == "*")
            && (page || !self.later_page)
            && (watches(request) || !self.watch)
            && self.times > 0
    }
}

/// A server that answers with the first fault that is for a request, else as `next` does.
pub fn behind(faults: Vec<Fault>, next: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> FakeApi {
    let faults = Mutex::new(faults);
    FakeApi::answering(move |request| {
        let answer = {
            let mut faults = faults.lock().unwrap();
            faults.iter_mut().find(|fault| fault.is_for(request)).map(|fault| {
                fault.times -= 1;
                fault.answer.clone()
            })
        };
        answer.unwrap_or_else(|| next(request))
    })
}

/// Whether a request is for what changes, and its answer goes on.
fn watches(request: &Seen) -> bool {
    parts(request).2.split('&').any(|pair| pair == "watch=true")
}

/// What a server answers; one connection a request.
pub fn upstream(address: SocketAddr) -> impl Fn(&Seen) -> Answer + Send + Sync {
    move |request| {
        let mut head = format!("{}\r\n", request.line);
        let kept = request.headers.iter().filter(|(name, _)| name != "connection");
        kept.for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("connection: close\r\n\r\n");
        let asked = TcpStream::connect(address).and_then(|mut server| {
            server.write_all(head.as_bytes())?;
            server.write_all(&request.body)?;
            if watches(request) {
                return Ok(Answer::Stream(Arc::new(server)));
            }
            let mut answer = Vec::new();
            server.read_to_end(&mut answer)?;
            Ok(Answer::Whole(answer))
        });
        asked.unwrap_or(Answer::Close)
    }
}

/// Method, path and query.
fn parts(request: &Seen) -> (&str, &str, &str) {
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (method, path, query)
}

/// The cluster of a recording, as its API server would serve it: lists by page, with what was refused refused again,
/// single objects, the version. What was not recorded is 599, so that a test that asks for it learns of it.
pub fn recorded(cluster: Value) -> impl Fn(&Seen) -> Answer + Send + Sync {
    let taken_at: Timestamp = cluster["takenAt"].as_str().unwrap().parse().unwrap();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&taken_at).unwrap();
    move |request| {
        let (method, path, query) = parts(request);
        assert_eq!(method, "GET", "a recording cannot be written to");
        let mut answer = match path {
            // Nothing ever changes.
            _ if watches(request) => return Answer::HeadOnly,
            "/version" => Answer::json(200, &json!({"gitVersion": cluster["serverVersion"]}).to_string()),
            path => object_or_list(&cluster, path, query),
        };
        if let Answer::Send(_, headers, _) = &mut answer {
            headers.push(format!("Date: {date}"));
        }
        answer
    }
}

/// A part of a query as it was meant.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn object_or_list(cluster: &Value, path: &str, query: &str) -> Answer {
    let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match words.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => panic!("{path}"),
    };
    let (namespace, plural, name) = match rest {
        ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
        ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
        [plural] => (None, *plural, None),
        [plural, name] => (None, *plural, Some(*name)),
        _ => panic!("{path}"),
    };
    let argument = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let lists = cluster["lists"].as_array().unwrap();
    let of_kind = || {
        lists
            .iter()
            .filter(|list| list["group"] == group && list["resource"] == plural)
    };
    // What was recorded by labels is what a list by labels gives.
    let (parts, wholes): (Vec<_>, Vec<_>) = of_kind().partition(|list| !list["part"].is_null());
    let selector = argument("labelSelector").map(decoded);
    let first = match (selector.is_some(), name.is_some()) {
        (true, _) => parts.iter().chain(&wholes).next(),
        (false, true) => wholes.iter().chain(&parts).next(),
        (false, false) => wholes.first(),
    };
    let list = match (first, &selector) {
        (Some(list), _) => *list,
        // A recording from before that had no such objects.
        (None, Some(_)) => &json!({"gaps": [], "items": [], "resourceVersion": "1"}),
        (None, None) => return Answer::status(599, "NotRecorded", path),
    };
    if let Some(gap) = list["gaps"].as_array().unwrap().first() {
        assert_eq!(gap["reason"], "forbidden");
        return Answer::status(403, "Forbidden", &format!("{plural} is forbidden"));
    }
    let selected = |item: &Value| {
        let labels = serde_json::from_value(item["metadata"]["labels"].clone()).unwrap_or_default();
        selector
            .as_ref()
            .is_none_or(|text| selector::parse(text).unwrap().matches(&labels))
    };
    let here =
        |item: &&Value| namespace.is_none_or(|namespace| item["metadata"]["namespace"] == namespace) && selected(item);
    let items: Vec<&Value> = list["items"].as_array().unwrap().iter().filter(here).collect();
    if let Some(name) = name {
        return match items.iter().find(|item| item["metadata"]["name"] == name) {
            Some(item) => Answer::json(200, &item.to_string()),
            None => Answer::status(404, "NotFound", &format!("{plural} {name:?} not found")),
        };
    }
    let limit: usize = argument("limit").unwrap().parse().unwrap();
    // A token with characters that must be encoded.
    let from: usize = argument("continue").map_or(0, |token| token.strip_prefix("at%3D").unwrap().parse().unwrap());
    let until = items.len().min(from + limit);
    let token = if until < items.len() {
        format!("at={until}")
    } else {
        String::new()
    };
    let kind = Resource::of_plural(group, plural).unwrap().info().kind;
    let page = json!({"kind": format!("{kind}List"), "metadata": {"continue": token, "resourceVersion": list["resourceVersion"]},
        "items": items[from..until]});
    Answer::json(200, &page.to_string())
}
