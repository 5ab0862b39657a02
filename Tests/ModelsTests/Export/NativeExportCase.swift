import Checkpoints
import Differentiation
import Documents
import Foundation
import ModelsTestSupport
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// A golden of a tiny hybrid as another program's model: its first layer has a linear mixer with drawn
/// parameters, its second one keeps softmax.
struct NativeExportCase {
  static let tests = FilePath.folder(of: FilePath.folder(of: FilePath.folder(of: #filePath)))

  let format: NativeModel
  /// Of the golden's folder, and of its teacher's.
  let golden, teacher: String
  /// The recipe's student.
  let hybrid: JSONValue
  /// What the golden's script keys its draws by, and where those of some parameters lie.
  let purpose: String
  let middles: [String: Double]

  static func teacher(_ name: String) -> String {
    "\(tests)/TransformersTests/Goldens/\(name)"
  }

  /// Adapters that change nothing.
  func student(
    _ document: JSONValue? = nil, of teacher: String? = nil, in folder: String
  ) throws -> LoadedModel {
    let path = "\(folder)/student.h5"
    try TinyCheckpoint.writeStudent(
      of: teacher ?? Self.teacher(self.teacher), to: path, student: document ?? hybrid)
    let model = try LoadedModel.open(path)
    for adapter in model.decoder.layers.flatMap({ $0.adapters.values }) {
      adapter.b.value = Tensor(zeros: adapter.b.value.shape)
    }
    return model
  }

  /// The golden's hybrid, whose parameters its script draws likewise.
  func goldenStudent(in folder: String) throws -> LoadedModel {
    let model = try student(in: folder)
    for parameter in model.decoder.layers[0].mixer.parameters {
      var generator = SeededGenerator(seed: 5, purpose: "\(purpose).\(parameter.name)")
      let shape = parameter.value.shape
      parameter.value = Tensor(
        (0..<shape.count).map { _ in
          Float((middles[parameter.name] ?? 0) + generator.uniform() - 0.5)
        }, shape)
    }
    return model
  }

  private var folder: String { "\(Self.tests)/ModelsTests/Goldens/\(golden)" }
  private var tensors: [String: StoredTensor] {
    get throws { try ModelSource.open("\(folder)/hybrid.safetensors").tensors }
  }

  func checkLogits() throws {
    try withTemporaryFolder { folder in
      let model = try goldenStudent(in: folder)
      let expected = try #require(try tensors["logits"]).widened()
      let count = expected.shape[0]
      let tokens = (0..<count).map { Int32(1 + 7 * $0 % 96) }
      let hidden = model.decoder.hiddenStates(
        tokens, layout: SequenceLayout(length: count), on: Tape(isRecording: false))
      let logits = model.decoder.logits(hidden.value).elements
      #expect(relativeRMS(logits, expected.elements.map(Double.init)) < 1e-5)
    }
  }

  /// - Parameter check: given the exported configuration and the card.
  func checkFolder(_ check: (JSONValue, String) throws -> Void) throws {
    try withTemporaryFolder { out in
      let export = NativeExport(
        try goldenStudent(in: out), as: format, type: nil, mergesAdapters: true,
        shardBytes: 1 << 30)
      let names = try export.run(to: "\(out)/out")
      #expect(names == ["README.md", "config.json", "generation_config.json", "model.safetensors"])
      let found = try ModelSource.open("\(out)/out").tensors
      let expected = try tensors.filter { $0.key.hasPrefix("state.") }
      #expect(Set(found.keys.map { "state.\($0)" }) == Set(expected.keys))
      for (name, tensor) in found {
        let wanted = try #require(expected["state.\(name)"])
        #expect(tensor.shape == wanted.shape, "\(name)")
        #expect(tensor.widened().elements == wanted.widened().elements, "\(name)")
      }
      let configuration = try DocumentFile("\(out)/out/config.json").read()
      let wanted = try DocumentFile("\(folder)/config.json").read()
      for (key, value) in try #require(wanted.objectValue).members {
        #expect(configuration[key] == value, "\(key)")
      }
      let card = try TextFile.read("\(out)/out/README.md")
      #expect(!card.contains("trust_remote_code"))
      try check(configuration, card)
    }
  }
}
