import Foundation

/// A Hugging Face folder under construction.
struct ModelFolder: ~Copyable {
  let folder: TemporaryFolder
  var path: String { folder.path }

  init(configuration: String? = #"{"model_type":"llama"}"#) throws {
    let folder = try TemporaryFolder()
    if let configuration {
      try write(Array(configuration.utf8), to: folder.file("config.json"))
    }
    self.folder = folder
  }

  func text(_ name: String, _ text: String) throws {
    try write(Array(text.utf8), to: folder.file(name))
  }

  /// A safetensors file of vectors of floats.
  func shard(_ name: String, _ tensors: [(String, [Float])]) throws {
    var offset = 0
    let entries = tensors.map { name, values in
      defer { offset += 4 * values.count }
      return
        #""\#(name)":{"dtype":"F32","shape":[\#(values.count)],"data_offsets":[\#(offset),\#(offset + 4 * values.count)]}"#
    }
    let header = "{" + entries.joined(separator: ",") + "}"
    try write(
      SafetensorsFileTests.file(header, tensors.flatMap { GGUFBuilder.floats($0.1) }),
      to: folder.file(name))
  }

  func index(_ map: String) throws {
    try text("model.safetensors.index.json", #"{"metadata":{},"weight_map":\#(map)}"#)
  }
}
