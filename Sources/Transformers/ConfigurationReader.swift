import Documents
import Operations

/// Reads a `config.json`, which has many keys that do not concern us, and collects what is missing
/// or of the wrong kind.
public final class ConfigurationReader {
  private let document: JSONValue
  /// The path of a nested object, with a dot behind it.
  private let prefix: String
  private(set) var problems: [String] = []
  /// Keys that were looked up.
  private var asked: Set<String> = []

  /// The problems of an object within this one become this one's.
  func adopt(_ nested: ConfigurationReader) {
    if nested !== self { problems += nested.problems }
  }

  init(_ document: JSONValue, prefix: String = "") {
    self.document = document
    self.prefix = prefix
  }

  /// A size. The bound is far above every model's, and keeps products of sizes from overflowing.
  func integer(
    _ key: String, default fallback: Int? = nil, in range: ClosedRange<Int> = 1...1 << 27
  ) -> Int {
    value(
      key, fallback, expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
      placeholder: range.lowerBound
    ) {
      $0.intValue.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// Blocks of the model: every one of them may become nine lines of a message.
  func layers(_ key: String) -> Int { integer(key, in: 1...4096) }

  func optionalInteger(_ key: String) -> Int? {
    has(key) ? integer(key) : nil
  }

  /// A positive number; no number of a configuration may be 0 or less.
  func number(_ key: String, default fallback: Double? = nil) -> Double {
    value(key, fallback, expected: "a positive number", placeholder: 1) {
      $0.doubleValue.flatMap { $0 > 0 ? $0 : nil }
    }
  }

  func boolean(_ key: String, default fallback: Bool) -> Bool {
    value(key, fallback, expected: "true or false", placeholder: fallback) { $0.boolValue }
  }

  func string(_ key: String, default fallback: String? = nil) -> String {
    value(key, fallback, expected: "a string", placeholder: "") { $0.stringValue }
  }

  func strings(_ key: String) -> [String]? {
    member(key)?.arrayValue?.compactMap(\.stringValue)
  }

  /// A reader of an object within this one; nil where there is none.
  func nested(_ key: String) -> ConfigurationReader? {
    guard let value = member(key), !value.isNull else { return nil }
    if value.objectValue == nil { report("\(key) is \(value.kindDescription), expected an object") }
    return ConfigurationReader(value, prefix: "\(key).")
  }

  private func member(_ key: String) -> JSONValue? {
    asked.insert(key)
    return document[key]
  }

  /// Marks keys that this configuration leaves without a meaning as looked up.
  func pass(over keys: String...) { asked.formUnion(keys) }

  /// Keys that nobody looked up, in the order of their names.
  var unread: [String] { object.members.map(\.key).filter { !asked.contains($0) }.sorted() }

  /// Its members; none where it is no object.
  var object: JSONObject { document.objectValue ?? JSONObject() }

  func has(_ key: String) -> Bool { !isNull(key) && member(key) != nil }

  /// Whether the key is there and says nothing: null.
  func isNull(_ key: String) -> Bool { member(key)?.isNull ?? false }

  func integers(_ key: String) -> [Int]? { member(key)?.arrayValue?.compactMap(\.intValue) }

  /// What `layer_types` says of every layer, where it does.
  func layerTypes(_ layers: Int) -> [String]? {
    strings("layer_types").flatMap { $0.count == layers ? $0 : nil }
  }

  /// Positive numbers, so many.
  func numbers(_ key: String, count: Int) -> [Double] {
    let found = member(key)?.arrayValue?.compactMap(\.doubleValue).filter { $0 > 0 }
    if let found, found.count == count { return found }
    let words = member(key).map { "\($0.arrayValue?.count ?? 0) elements" } ?? "missing"
    report("\(key) is \(words), expected \(count) positive numbers")
    return Array(repeating: 1, count: count)
  }

  func report(_ problem: String) { problems.append("configuration: \(prefix)\(problem)") }

  private func value<Value>(
    _ key: String, _ fallback: Value?, expected: String, placeholder: Value,
    _ decode: (JSONValue) -> Value?
  ) -> Value {
    guard let value = member(key), !value.isNull else {
      if let fallback { return fallback }
      report("\(key) is missing, expected \(expected)")
      return placeholder
    }
    if let decoded = decode(value) { return decoded }
    report("\(key) is \(value.kindDescription), expected \(expected)")
    return fallback ?? placeholder
  }

  /// The activation that a family's `hidden_act` (or the like) names.
  func activation(_ key: String, default fallback: String? = nil) -> Activation {
    let known: [String: Activation] = [
      "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_new": .geluTanh,
      "gelu_pytorch_tanh": .geluTanh, "gelu_fast": .geluTanh, "relu": .relu,
    ]
    let name = string(key, default: fallback)
    if let activation = known[name] { return activation }
    report(
      "\(key) \"\(name)\" is not supported; known are \(known.keys.sorted().joined(separator: ", "))"
    )
    return .silu
  }

  /// Attention heads; `head_dim` defaults to the hidden size over the heads.
  ///
  /// - Parameters:
  ///   - defaultHeadDim: where the family has another default.
  ///   - defaultKeyValueHeads: likewise, of a configuration without the key; null says as many as
  ///     there are of queries.
  func attentionShape(
    hiddenSize: Int, defaultHeadDim: Int? = nil, defaultKeyValueHeads: Int? = nil
  ) -> AttentionShape {
    let heads = integer("num_attention_heads")
    let keyValueHeads =
      if let defaultKeyValueHeads, !isNull("num_key_value_heads") {
        integer("num_key_value_heads", default: defaultKeyValueHeads)
      } else { integer("num_key_value_heads", default: heads) }
    let headDim = optionalInteger("head_dim") ?? defaultHeadDim ?? max(1, hiddenSize / heads)
    if !has("head_dim"), defaultHeadDim == nil, hiddenSize % heads != 0 {
      report("hidden_size \(hiddenSize) is not a multiple of num_attention_heads \(heads)")
    }
    guard heads % keyValueHeads == 0 else {
      report(
        "num_attention_heads \(heads) is not a multiple of num_key_value_heads \(keyValueHeads)")
      return AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: headDim)
    }
    return AttentionShape(queryHeads: heads, keyValueHeads: keyValueHeads, headDim: headDim)
  }
}
