import Documents
import Foundation
import TensorCore
import Testing

/// Tensors of one of the files that scripts/goldens/lolcats_reference.py has written. Students
/// may not import Checkpoints, hence this reader of 32-bit floats alone.
struct Golden {
  private let tensors: [String: Tensor]

  init(_ name: String) throws {
    let url = Bundle.module.bundleURL.appendingPathComponent("Goldens/\(name).safetensors")
    let data = try Data(contentsOf: url)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONValue(parsing: data[8..<8 + length])
    var tensors: [String: Tensor] = [:]
    for (name, entry) in try #require(header.objectValue).members where name != "__metadata__" {
      try #require(entry["dtype"]?.stringValue == "F32")
      let shape = try #require(entry["shape"]?.arrayValue).compactMap(\.intValue)
      let offsets = try #require(entry["data_offsets"]?.arrayValue).compactMap(\.intValue)
      var tensor = Tensor(uninitialized: Shape(shape))
      try #require(offsets.count == 2 && offsets[1] - offsets[0] == 4 * tensor.count)
      let bytes = data[8 + length + offsets[0]..<8 + length + offsets[1]]
      tensor.withMutablePointer {
        _ = bytes.copyBytes(to: UnsafeMutableBufferPointer(start: $0, count: bytes.count / 4))
      }
      tensors[name] = tensor
    }
    self.tensors = tensors
  }

  subscript(name: String) -> Tensor {
    get throws { try #require(tensors[name], "the golden has no \(name)") }
  }

  func expected(_ name: String) throws -> [Double] { try self[name].elements.map(Double.init) }
}
