import Documents
import Reports
import Results

extension Inspection {
  /// As JSON: everything, arrays in full.
  public var document: JSONValue {
    [
      "path": .string(path), "format": .string(format), "bytes": .integer(bytes),
      "files": .array(files.map { ["name": .string($0.name), "bytes": .integer($0.bytes)] }),
      "configuration": configuration ?? .null,
      "summary": .object(JSONObject(summary.map { (key: $0.name, value: .string($0.value)) })),
      "metadata": .object(metadata),
      "tensors": .array(
        tensors.map { tensor in
          [
            "name": .string(tensor.name), "type": .string(tensor.type),
            "shape": .array(tensor.shape.map { .integer($0) }), "bytes": .integer(tensor.bytes),
            "file": .string(tensor.file),
          ]
        }),
    ]
  }

  /// For people: long arrays and texts are abbreviated.
  public var text: String {
    let heading =
      "\(path): \(format), \(files.count) \(files.count == 1 ? "file" : "files"), "
      + "\(Figures.bytes(bytes))\n"
    return [heading, section(nil, summary), metadataSection, tensorSection]
      .filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private var summary: [(name: String, value: String)] {
    guard let configuration else { return [] }
    guard configuration["format"]?.stringValue == StudentArtefact.format else {
      var lines = ModelSummary(
        configuration: ExportedConfiguration.teacher(of: configuration), location: path
      ).lines
      if let student = configuration[ExportedConfiguration.studentKey] {
        lines += studentLines(student)
      }
      return lines
    }
    return studentLines(configuration)
  }

  private func studentLines(_ student: JSONValue) -> [(name: String, value: String)] {
    let adapters = student["adapters"]?.objectValue.map { "rank \($0["rank"]?.compact ?? "?")" }
    return [
      ("student", student["student"]?["mixer"]?.stringValue ?? "?"),
      ("feature map", student["student"]?["featureMap"]?["name"]?.stringValue),
      ("adapters", adapters ?? "none"), ("written by", student["stage"]?.stringValue),
      ("program", student["program"]?.stringValue),
      ("teacher", student["teacher"]?["path"]?.stringValue),
      ("teacher's SHA-256", student["teacher"]?["sha256"]?.stringValue),
    ].compactMap { name, value in value.map { (name, $0) } }
  }

  private var metadataSection: String {
    section(
      "metadata",
      metadata.members.filter { $0.key != "linearize" }.map { ($0.key, Self.abbreviated($0.value)) }
    )
  }

  private var tensorSection: String {
    if tensors.isEmpty { return "no tensors\n" }
    var table = TextTable(["tensor", "type", "shape", "bytes"])
    for tensor in tensors {
      table.append([
        tensor.name, tensor.type, "\(tensor.shape)", Figures.count(tensor.bytes),
      ])
    }
    var kinds: [(type: String, count: Int)] = []
    for tensor in tensors {
      if let index = kinds.firstIndex(where: { $0.type == tensor.type }) {
        kinds[index].count += 1
      } else {
        kinds.append((tensor.type, 1))
      }
    }
    let elements = tensors.reduce(0) { $0 + $1.count }
    let bytes = tensors.reduce(0) { $0 + $1.bytes }
    return table.terminal + "\n\(Figures.count(tensors.count)) tensors, "
      + "\(Figures.count(elements)) elements, \(Figures.bytes(bytes)): "
      + kinds.map { "\($0.count) \($0.type)" }.joined(separator: ", ") + "\n"
  }

  private func section(_ title: String?, _ lines: [(name: String, value: String)]) -> String {
    if lines.isEmpty { return "" }
    let width = lines.map(\.name.count).max() ?? 0
    return (title.map { "\($0)\n" } ?? "")
      + lines.map { name, value in
        "  \(name)\(String(repeating: " ", count: width - name.count + 2))\(value)\n"
      }.joined()
  }

  private static let longestText = 76

  private static func abbreviated(_ value: JSONValue) -> String {
    guard let elements = value.arrayValue, elements.count > 8 else {
      let text = value.compact
      return text.count <= longestText ? text : "\(text.prefix(longestText))…"
    }
    let first = elements.prefix(3).map { String($0.compact.prefix(24)) }.joined(separator: ", ")
    return "\(Figures.count(elements.count)) values: \(first), …"
  }
}
