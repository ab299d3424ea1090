//! The golden schema: `golden/schema-1.json` says in JSON Schema what every message looks like.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::*;

fn method<M: Method + JsonSchema>(generator: &mut SchemaGenerator) -> (String, Value)
where
    M::Reply: JsonSchema,
{
    let params: Schema = generator.subschema_for::<M>();
    let result: Schema = generator.subschema_for::<M::Reply>();
    (M::NAME.to_owned(), json!({ "params": params, "result": result }))
}

fn notification<N: Notify + JsonSchema>(generator: &mut SchemaGenerator) -> (String, Value) {
    (N::NAME.to_owned(), json!({ "params": generator.subschema_for::<N>() }))
}

fn schema() -> Value {
    let generator = &mut SchemaSettings::draft2020_12().into_generator();
    let methods: Map<String, Value> = [
        method::<Hello>(generator),
        method::<VoiceOpen>(generator),
        method::<VoiceClose>(generator),
        method::<VoiceSet>(generator),
        method::<StatusRequest>(generator),
        method::<StatusWatch>(generator),
        method::<Devices>(generator),
        method::<Hush>(generator),
        method::<MainSet>(generator),
        method::<RecordStart>(generator),
        method::<RecordBegin>(generator),
        method::<RecordStop>(generator),
        method::<Shutdown>(generator),
        method::<Ping>(generator),
    ]
    .into_iter()
    .collect();
    let notifications: Map<String, Value> = [
        notification::<Underrun>(generator),
        notification::<Resumed>(generator),
        notification::<Muted>(generator),
        notification::<Unmuted>(generator),
        notification::<Evicted>(generator),
        notification::<TargetLead>(generator),
        notification::<DeviceChanged>(generator),
        notification::<MainChanged>(generator),
        notification::<Recorded>(generator),
        notification::<Closing>(generator),
        notification::<Status>(generator),
    ]
    .into_iter()
    .collect();
    assert!(methods.keys().all(|name| Call::METHODS.contains(&name.as_str())));
    assert_eq!(methods.len(), Call::METHODS.len(), "every method is in the schema");
    assert_eq!(notifications.len(), Notification::METHODS.len(), "every notification is in the schema");
    let error = generator.subschema_for::<ErrorObject>();
    let id = generator.subschema_for::<Id>();
    let codes: Map<String, Value> = ErrorWord::ALL
        .iter()
        .map(|word| (json!(word).as_str().unwrap_or_default().to_owned(), json!(word.code())))
        .collect();
    json!({
        "protocol": PROTOCOL_VERSION,
        "max_line_bytes": MAX_LINE_BYTES,
        "id": id,
        "methods": methods,
        "notifications": notifications,
        "error": error,
        "error_codes": codes,
        "$defs": generator.take_definitions(true),
    })
}

/// The messages are what the golden file says. A change of it is a change of the protocol: additions to replies and
/// notifications are free, and so is a method, or a
/// member of a request that may be left out (an older daemon refuses both by their names);
/// everything else needs a new [`PROTOCOL_VERSION`]. `FOREBAY_BLESS=1` writes the file anew.
#[test]
fn golden_schema() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/schema-1.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("FOREBAY_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(
        golden == text,
        "golden/schema-1.json differs: FOREBAY_BLESS=1 writes it anew, git diff shows how"
    );
}
