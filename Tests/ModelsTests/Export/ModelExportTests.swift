import Checkpoints
import Differentiation
import Documents
import Foundation
import ModelsTestSupport
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

@Suite struct ModelExportTests {
  private let tokens: [Int32] = [1, 7, 3, 9, 30, 2, 2, 11, 5, 17, 21, 33]

  private func logits(_ model: LoadedModel) -> [Float] {
    let hidden = model.decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    return model.decoder.logits(hidden.value).elements
  }

  private func relativeError(_ found: [Float], _ expected: [Float]) -> Double {
    let error = zip(found, expected).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    return (error / expected.reduce(0.0) { $0 + Double($1 * $1) }).squareRoot()
  }

  private func export(
    _ model: LoadedModel, to folder: String, type: ExportType? = nil, merge: Bool = false,
    shardBytes: Int = 1 << 30
  ) throws -> [String] {
    try ModelExport(model, type: type, mergesAdapters: merge, shardBytes: shardBytes)
      .run(to: folder)
  }

  @Test func `An exported teacher has the same tensors, configuration and tokenizer`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let teacher = try LoadedModel.open(folder)
      let names = try export(teacher, to: "\(folder)/out")
      #expect(
        names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
      let again = try LoadedModel.open("\(folder)/out")
      #expect(again.source.configuration == teacher.source.configuration)
      #expect(Set(again.source.tensors.keys) == Set(teacher.source.tensors.keys))
      for (name, tensor) in teacher.source.tensors {
        #expect(again.source.tensors[name]?.widened().elements == tensor.widened().elements)
      }
      #expect(
        try again.requireTokenizer().encode("the cat 42")
          == teacher.requireTokenizer().encode("the cat 42"))
      #expect(again.student == nil)
    }
  }

  private static var families: [(configuration: JSONValue, shapes: [String: Shape])] {
    [TinyCheckpoint.llama(), TinyCheckpoint.gpt2(), TinyCheckpoint.gptNeoX()]
  }

  @Test(arguments: [0, 1, 2], [false, true])
  func `An exported student computes what it did, adapters apart or merged`(
    family: Int, merge: Bool
  ) throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(Self.families[family], to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      let expected = logits(try LoadedModel.open("\(folder)/student.h5"))
      #expect(relativeError(logits(try LoadedModel.open(folder)), expected) > 0.05)
      _ = try export(
        try LoadedModel.open("\(folder)/student.h5"), to: "\(folder)/out", merge: merge)
      let again = try LoadedModel.open("\(folder)/out")
      #expect(relativeError(logits(again), expected) < (merge ? 1e-5 : 1e-7))
      #expect(again.student?.adapters == nil || !merge)
      let names = again.source.tensors.keys
      #expect(names.contains { $0.contains("lora_A") } == !merge)
      #expect(names.contains("model.layers.0.self_attn.feature_map_q.mlp.layer"))
      // And again, from the folder.
      _ = try export(again, to: "\(folder)/twice", merge: true)
      let twice = try LoadedModel.open("\(folder)/twice")
      #expect(relativeError(logits(twice), expected) < 1e-5)
    }
  }

  private func configuration(_ folder: String) throws -> JSONValue {
    try DocumentFile("\(folder)/config.json").read()
  }

  @Test(arguments: [0, 1, 2], [false, true])
  func `An exported student is of a type that only this program knows`(
    family: Int, merge: Bool
  ) throws {
    try withTemporaryFolder { folder in
      var model = Self.families[family]
      let type = try #require(model.configuration["model_type"]?.stringValue)
      var object = try #require(model.configuration.objectValue)
      object["architectures"] = ["SomeForCausalLM"]
      object["auto_map"] = ["AutoModelForCausalLM": "modeling_some.SomeForCausalLM"]
      model.configuration = .object(object)
      try TinyCheckpoint.write(model, to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      var from = "\(folder)/student.h5"
      // Also when the exported folder is exported again.
      for out in ["\(folder)/once", "\(folder)/twice"] {
        _ = try export(try LoadedModel.open(from), to: out, merge: merge)
        let written = try configuration(out)
        #expect(written["model_type"]?.stringValue == "linearize")
        #expect(written["architectures"] == ["LinearizeForCausalLM"])
        #expect(
          written["auto_map"] == [
            "AutoConfig": "modeling_linearize.LinearizeConfig",
            "AutoModel": "modeling_linearize.LinearizeModel",
            "AutoModelForCausalLM": "modeling_linearize.LinearizeForCausalLM",
          ])
        let teacher = written["linearize"]?["teacherConfiguration"]
        #expect(teacher?["model_type"]?.stringValue == type)
        #expect(teacher?["architectures"] == object["architectures"])
        #expect(teacher?["auto_map"] == object["auto_map"])
        let again = try LoadedModel.open(out).source.configuration
        #expect(again["model_type"]?.stringValue == type)
        #expect(again["architectures"] == object["architectures"])
        #expect(again["auto_map"] == object["auto_map"])
        #expect(try Inspection(out).text.contains("family"))
        from = out
      }
    }
  }

  @Test func `A student that was exported under its teacher's type is still read`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      let student = try LoadedModel.open("\(folder)/student.h5")
      _ = try export(student, to: "\(folder)/out")
      var old = try #require(TinyCheckpoint.llama().configuration.objectValue)
      old["linearize"] = student.student?.document
      try DocumentFile("\(folder)/out/config.json").replace(with: JSONValue.object(old).pretty)
      let again = try LoadedModel.open("\(folder)/out")
      #expect(again.student != nil)
      #expect(logits(again) == logits(student))
    }
  }

  @Test(arguments: [false, true])
  func `A student whose every layer kept its softmax is its teacher's type once merged`(
    merge: Bool
  ) throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(
        of: folder, to: "\(folder)/student.h5",
        student: ["mixer": "terrace-window", "softmaxLayers": [0, 1]])
      let student = try LoadedModel.open("\(folder)/student.h5")
      let expected = logits(student)
      _ = try export(student, to: "\(folder)/out", merge: merge)
      // Adapters that stand apart are the student's own, whatever its layers are.
      #expect(
        try configuration("\(folder)/out")["model_type"]?.stringValue
          == (merge ? "llama" : "linearize"))
      let again = try LoadedModel.open("\(folder)/out")
      #expect(relativeError(logits(again), expected) < (merge ? 1e-5 : 1e-7))
    }
  }

  @Test(arguments: StudentRegistry.mixers.map { $0.name }, [false, true])
  func `An exported student of every mixer is opened again`(mixer: String, merge: Bool) throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(
        of: folder, to: "\(folder)/student.h5", student: ["mixer": .string(mixer)])
      let student = try LoadedModel.open("\(folder)/student.h5")
      let names = student.decoder.parameters.map(\.name).filter { !$0.contains("lora_") }
      #expect(!names.isEmpty)
      let expected = logits(student)
      _ = try export(student, to: "\(folder)/out", merge: merge)
      let again = try LoadedModel.open("\(folder)/out")
      #expect(Set(names).isSubset(of: again.source.tensors.keys))
      #expect(again.decoder.parameters.map(\.name).filter(Set(names).contains) == names)
      #expect(relativeError(logits(again), expected) < (merge ? 1e-5 : 1e-7))
    }
  }

  @Test func `Tensors that were not adapted stay the teacher's, to the bit`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      _ = try export(
        try LoadedModel.open("\(folder)/student.h5"), to: "\(folder)/out", merge: true)
      let teacher = try ModelSource.open(folder)
      let exported = try ModelSource.open("\(folder)/out")
      for (name, tensor) in teacher.tensors where !name.contains("self_attn") {
        #expect(exported.tensors[name]?.widened().elements == tensor.widened().elements)
      }
    }
  }

  @Test(arguments: [ExportType.bfloat16, .float16])
  func `Sixteen bits are close to thirty-two`(type: ExportType) throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let teacher = try LoadedModel.open(folder)
      _ = try export(teacher, to: "\(folder)/out", type: type)
      let again = try LoadedModel.open("\(folder)/out")
      #expect(again.source.tensors.values.allSatisfy { $0.elementType == type.elementType })
      #expect(again.source.configuration["torch_dtype"]?.stringValue == type.rawValue)
      let error = relativeError(logits(again), logits(teacher))
      #expect(error > 0 && error < (type == .bfloat16 ? 0.02 : 0.003))
    }
  }

  @Test func `Shards are small enough and read as one`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let teacher = try LoadedModel.open(folder)
      let names = try export(teacher, to: "\(folder)/out", shardBytes: 6000)
      #expect(names.contains("model.safetensors.index.json"))
      #expect(names.count { $0.hasPrefix("model-0") } > 2)
      #expect(logits(try LoadedModel.open("\(folder)/out")) == logits(teacher))
    }
  }

  @Test func `A folder that holds something is left alone`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let out = "\(folder)/out"
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
      try DocumentFile("\(out)/notes.txt").replace(with: "mine")
      let error = #expect(throws: ExportError.self) {
        try export(try LoadedModel.open(folder), to: out + "/")
      }
      #expect(
        error?.description == """
          \(out): holds notes.txt; expected an empty folder or nothing. Choose another with \
          --output. Nothing was changed
          """)
      #expect(try FileManager.default.contentsOfDirectory(atPath: out) == ["notes.txt"])
    }
  }

  @Test func `An empty folder is filled`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let out = "\(folder)/out"
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
      #expect(try export(try LoadedModel.open(folder), to: out).count == 4)
    }
  }

  @Test func `A failure leaves nothing behind`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let teacher = try LoadedModel.open(folder)
      let outer = "\(folder)/outer"
      try FileManager.default.createDirectory(atPath: outer, withIntermediateDirectories: true)
      try DocumentFile("\(outer)/file").replace(with: "")
      #expect(throws: ExportError.self) { try export(teacher, to: "\(outer)/file/out") }
      #expect(try FileManager.default.contentsOfDirectory(atPath: outer) == ["file"])
    }
  }

  @Test func `A value beyond float16 is refused by name`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      var tensors = try ModelSource.open(folder).tensors.map { (name: $0.key, tensor: $0.value) }
      tensors.removeAll { $0.name == "model.norm.weight" }
      tensors.append(
        ("model.norm.weight", StoredTensor(Tensor(repeating: 70_000, [16]))))
      try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
      try SafetensorsWriter().write(tensors, into: folder)
      #expect(throws: ExportError.overflow(tensor: "model.norm.weight", value: 70_000)) {
        try export(try LoadedModel.open(folder), to: "\(folder)/out", type: .float16)
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }
}
