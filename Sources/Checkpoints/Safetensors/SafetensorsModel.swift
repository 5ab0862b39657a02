import Documents
import Foundation

/// The safetensors files of one model: one file, or the shards that an index names.
struct SafetensorsModel {
  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"

  let files: [SafetensorsFile]

  init(file: String) throws {
    files = [try SafetensorsFile(file)]
  }

  /// - Parameter index: `model.safetensors.index.json` in the folder of its shards.
  /// - Throws: `CheckpointError` with everything in which index and shards disagree.
  init(index: String) throws {
    let folder = FilePath.folder(of: index)
    let shardOf = try Self.weightMap(index)
    var problems: [CheckpointError.Problem] = []
    var files: [SafetensorsFile] = []
    for shard in Set(shardOf.members.compactMap(\.value.stringValue)).sorted() {
      let path = "\(folder)/\(shard)"
      guard FileManager.default.fileExists(atPath: path) else {
        problems.append(
          CheckpointError.Problem(
            "weight_map", found: "no file \(shard) in the folder", expected: "every shard"))
        continue
      }
      files.append(try SafetensorsFile(path))
    }
    self.files = files
    problems += Self.disagreements(shardOf, files)
    if !problems.isEmpty {
      throw CheckpointError(
        file: index, problems: problems,
        remedy: "the download is incomplete, or its files belong to different models")
    }
  }

  private static func weightMap(_ index: String) throws -> JSONObject {
    let document: JSONValue
    do {
      document = try DocumentFile(index).read()
    } catch let error as DocumentFile.Malformed {
      throw CheckpointError(
        index, "byte \(error.error.offset)", found: error.error.reason, expected: "strict JSON")
    }
    guard let map = document["weight_map"]?.objectValue else {
      throw CheckpointError(
        index, "weight_map", found: document["weight_map"]?.kindDescription ?? "nothing",
        expected: "an object of tensor names and the shards that hold them")
    }
    var problems: [CheckpointError.Problem] = []
    for (name, value) in map.members {
      let place = "weight_map[\(JSONValue.string(name).compact)]"
      guard let shard = value.stringValue else {
        problems.append(.init(place, found: value.kindDescription, expected: "a file's name"))
        continue
      }
      // An index from elsewhere must not make us read files outside of its folder.
      if shard.isEmpty || shard.contains("/") || shard.contains("\\") || shard.hasPrefix(".")
        || shard.contains("\0")
      {
        problems.append(
          .init(
            place, found: value.compact, expected: "the name of a file in the index's own folder"))
      }
    }
    if map.count == 0 {
      problems.append(.init("weight_map", found: "no tensors", expected: "at least one"))
    }
    if !problems.isEmpty { throw CheckpointError(file: index, problems: problems) }
    return map
  }

  private static func disagreements(
    _ shardOf: JSONObject, _ files: [SafetensorsFile]
  ) -> [CheckpointError.Problem] {
    var problems: [CheckpointError.Problem] = []
    var holders: [String: String] = [:]
    for file in files {
      let shard = FilePath.name(of: file.path)
      for tensor in file.tensors {
        if let other = holders.updateValue(shard, forKey: tensor.name) {
          problems.append(
            .init("tensor \(tensor.name)", found: "it in \(other) and \(shard)", expected: "once"))
        } else if shardOf[tensor.name] == nil {
          problems.append(
            .init(
              "tensor \(tensor.name)", found: "it in \(shard) only", expected: "it in the index"))
        }
      }
    }
    let present = Set(files.map { FilePath.name(of: $0.path) })
    for (name, value) in shardOf.members {
      guard let shard = value.stringValue, present.contains(shard) else { continue }
      if holders[name] == nil {
        problems.append(
          .init("tensor \(name)", found: "no such tensor", expected: "it in \(shard)"))
      } else if holders[name] != shard {
        problems.append(
          .init("tensor \(name)", found: "it in \(holders[name] ?? "")", expected: "it in \(shard)")
        )
      }
    }
    return problems
  }
}
