import Documents
import Transformers

/// Says where a checkpoint has the weights of a decoder.
struct PortablePlaces {
  /// Of the tensors as they are written.
  let shapes: [String: [Int]]
  /// Whether a tensor is written transposed to what the decoder was read from.
  let isTransposed: (String) -> Bool
  /// Whose number becomes `{}` in names; nil outside of layers.
  var layer: Int?

  init(shapes: [String: [Int]], isTransposed: @escaping (String) -> Bool) {
    self.shapes = shapes
    self.isTransposed = isTransposed
  }

  private func name(_ weight: Weight) -> String {
    let name = weight.place.tensor
    guard let layer else { return name }
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if let index = parts.firstIndex(of: "\(layer)") { parts[index] = "{}" }
    return parts.joined(separator: ".")
  }

  private func shape(_ weight: Weight) -> JSONValue {
    .array((shapes[weight.place.tensor] ?? weight.shape).map { .integer($0) })
  }

  /// A table with a row a token, a position or a type.
  func table(_ weight: Weight) -> JSONValue {
    ["weight": .string(name(weight)), "shape": shape(weight)]
  }

  func norm(_ norm: Norm?) -> JSONValue {
    guard let norm else { return .null }
    var object = JSONObject([
      ("weight", .string(name(norm.weight))), ("shape", shape(norm.weight)),
    ])
    switch norm.kind {
    case .rms(let epsilon, let offset):
      object["epsilon"] = .number(Double(epsilon))
      object["offset"] = .number(Double(offset))
    case .layer(let epsilon):
      object["epsilon"] = .number(Double(epsilon))
      object["bias"] = norm.bias.map { .string(name($0)) }
    }
    return .object(object)
  }

  func block(_ block: Block) -> JSONValue {
    let attention = block.attention
    return [
      "attentionNorms": norms(block.attentionNorms),
      "queries": projection(attention.queries), "keys": projection(attention.keys),
      "values": projection(attention.values), "output": projection(attention.output),
      "queryNorm": norm(attention.queryNorm), "keyNorm": norm(attention.keyNorm),
      "feedForwardNorms": norms(block.feedForwardNorms),
      "gate": block.feedForward.gate.map { projection($0) } ?? .null,
      "up": projection(block.feedForward.up), "down": projection(block.feedForward.down),
      "isParallel": .bool(block.isParallel),
    ]
  }

  private func norms(_ norms: BranchNorms) -> JSONValue {
    ["before": norm(norms.before), "after": norm(norms.after), "sum": norm(norms.sum)]
  }

  /// The shape is the whole tensor's; rows, of what it is as `[outputs, inputs]`, are runs of a first
  /// row and a count.
  private func projection(_ projection: Projection) -> JSONValue {
    let place = projection.weight.place
    var object = JSONObject([
      ("weight", .string(name(projection.weight))), ("shape", shape(projection.weight)),
    ])
    object["bias"] = projection.bias.map { .string(name($0)) } ?? .null
    object["isTransposed"] = .bool(place.isTransposed != isTransposed(place.tensor))
    object["rows"] = place.rows.map { .array(Self.runs($0)) } ?? .null
    return .object(object)
  }

  private static func runs(_ rows: [Int32]) -> [JSONValue] {
    var runs: [(first: Int, count: Int)] = []
    for row in rows.map(Int.init) {
      if let last = runs.last, last.first + last.count == row {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((row, 1))
      }
    }
    return runs.map { [.integer($0.first), .integer($0.count)] }
  }
}
