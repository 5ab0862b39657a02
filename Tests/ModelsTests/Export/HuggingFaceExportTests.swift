import Checkpoints
import Documents
import Foundation
import ModelsTestSupport
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// What of the exported folder can be proved without Python; the rest is `scripts/check-huggingface`.
@Suite struct HuggingFaceExportTests {
  private func export(
    _ student: JSONValue, of teacher: (configuration: JSONValue, shapes: [String: Shape]),
    in folder: String, merge: Bool = false
  ) throws -> String {
    try TinyCheckpoint.write(teacher, to: folder)
    try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5", student: student)
    let model = try LoadedModel.open("\(folder)/student.h5")
    _ = try ModelExport(model, type: nil, mergesAdapters: merge, shardBytes: 1 << 30)
      .run(to: "\(folder)/out")
    return "\(folder)/out"
  }

  private func configuration(_ folder: String) throws -> JSONValue {
    try DocumentFile("\(folder)/config.json").read()
  }

  /// Names and shapes that the module makes its parameters of.
  private func expectedTensors(_ configuration: JSONValue) throws -> [String: [Int]] {
    let model = try #require(configuration["linearize"]?["model"])
    let layers = try #require(model["layers"]?.intValue)
    var found: [String: [Int]] = [:]
    func add(_ spec: JSONValue, _ layers: [Int]) {
      guard let name = (spec["weight"] ?? spec["name"])?.stringValue else { return }
      let shape = spec["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
      for layer in layers {
        found[name.replacing("{}", with: "\(layer)")] = shape
        guard let bias = spec["bias"]?.stringValue else { continue }
        let outputs = spec["isTransposed"]?.boolValue == true ? shape.last : shape.first
        found[bias.replacing("{}", with: "\(layer)")] = [outputs ?? 0]
      }
    }
    for (_, spec) in model["tensors"]?.objectValue?.members ?? [] { add(spec, [0]) }
    for (_, spec) in model["block"]?.objectValue?.members ?? [] {
      let parts = spec["weight"] == nil ? spec.objectValue?.members.map(\.value) ?? [] : [spec]
      for part in parts { add(part, Array(0..<layers)) }
    }
    for spec in model["own"]?.arrayValue ?? [] {
      add(spec, spec["layers"]?.arrayValue?.compactMap(\.intValue) ?? [])
    }
    return found
  }

  private static let teachers: [(configuration: JSONValue, shapes: [String: Shape])] = [
    TinyCheckpoint.llama(layers: 3), TinyCheckpoint.gpt2(), TinyCheckpoint.gptNeoX(),
    TinyCheckpoint.phi3(),
  ]
  private static let performer: JSONValue = [
    "mixer": "linear", "featureMap": ["kind": "performer"],
  ]

  @Test(arguments: [0, 1, 2, 3], [false, true])
  func `The module expects exactly the tensors of the file`(teacher: Int, merge: Bool) throws {
    for student in [["mixer": "terrace-window", "windowSize": 4], Self.performer] as [JSONValue] {
      try withTemporaryFolder { folder in
        let out = try export(student, of: Self.teachers[teacher], in: folder, merge: merge)
        let tensors = try ModelSource.open(out).tensors.mapValues(\.shape)
        #expect(try expectedTensors(try configuration(out)) == tensors)
      }
    }
  }

  @Test(arguments: StudentRegistry.mixers.map { $0.name })
  func `Parameters that only some layers have are told apart`(mixer: String) throws {
    try withTemporaryFolder { folder in
      let out = try export(
        ["mixer": .string(mixer), "softmaxLayers": [1]], of: TinyCheckpoint.llama(layers: 3),
        in: folder)
      let written = try configuration(out)
      #expect(try expectedTensors(written) == ModelSource.open(out).tensors.mapValues(\.shape))
      #expect(written["linearize"]?["model"]?["convertedLayers"] == [0, 2])
    }
  }

  @Test func `The code, the card and how to sample stand beside the weights`() throws {
    try withTemporaryFolder { folder in
      let out = try export(["mixer": "linear"], of: TinyCheckpoint.llama(), in: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: out).sorted() == [
          "README.md", "config.json", "generation_config.json", "model.safetensors",
          "modeling_linearize.py", "tokenizer.json", "tokenizer_config.json",
        ])
      let code = try TextFile.read("\(out)/modeling_linearize.py")
      let module =
        FilePath.folder(of: #filePath) + "/../../../Sources/Models/Export/modeling_linearize.py"
      #expect(try TextFile.read(module) == code)
      #expect(try DocumentFile("\(out)/generation_config.json").read() == ["eos_token_id": 0])
    }
  }

  @Test func `The card says what the student was made of and how it is loaded`() throws {
    try withTemporaryFolder { folder in
      let out = try export(
        ["mixer": "linear", "softmaxLayers": [1]], of: TinyCheckpoint.llama(), in: folder)
      let card = try TextFile.read("\(out)/README.md")
      let digest = try LoadedModel.open(folder).source.contentDigest()
      for text in [
        "library_name: transformers", "1 of 2 layers; softmax is kept in 1", digest,
        "AutoModelForCausalLM.from_pretrained(\"PATH\", trust_remote_code=True)",
        "low-rank-adaptation, seed 7", "rank 2 on q_proj, k_proj, v_proj, o_proj, apart",
        "## What it is not good at",
      ] {
        #expect(card.contains(text), "\(text)")
      }
      #expect(!card.contains("## Results"))
    }
  }

  @Test func `A folder without a new mixer has no code of its own`() throws {
    try withTemporaryFolder { folder in
      let out = try export(
        ["mixer": "linear", "softmaxLayers": [0, 1]], of: TinyCheckpoint.llama(), in: folder,
        merge: true)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: out).sorted() == [
          "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        ])
      #expect(try configuration(out)["auto_map"] == nil)
    }
  }

  @Test func `What a map drew is written, drawn again and written again`() throws {
    try withTemporaryFolder { folder in
      let out = try export(Self.performer, of: TinyCheckpoint.llama(), in: folder)
      let name = "model.layers.1.self_attn.feature_map.directions"
      let again = try LoadedModel.open(out)
      let written = try #require(again.source.tensors[name]).widened()
      let drawn = try #require(again.decoder.constants.first { $0.name == name })
      #expect(drawn.value.shape == written.shape)
      #expect(drawn.value.elements == written.elements)
      _ = try ModelExport(again, type: nil, mergesAdapters: false, shardBytes: 1 << 30)
        .run(to: "\(folder)/twice")
      #expect(
        try ModelSource.open("\(folder)/twice").tensors.keys.sorted()
          == again.source.tensors.keys.sorted())
    }
  }

  // MARK: Refusals

  @Test func `Everything that a recipe may choose is carried`() throws {
    let map = { (name: String) -> JSONValue in
      ["mixer": "linear", "featureMap": ["kind": .string(name)]]
    }
    let part = { (key: String, name: String) -> JSONValue in
      var object = JSONObject([(key, ["kind": .string(name)])])
      if key != "memory" { object["window"] = object["window"] ?? ["kind": "sliding"] }
      return .object(object)
    }
    var students = StudentRegistry.mixers.map { ["mixer": .string($0.name)] as JSONValue }
    students += StudentRegistry.featureMaps.map { map($0.name) }
    students += StudentRegistry.memories.map { part("memory", $0.name) }
    students += StudentRegistry.windows.map { part("window", $0.name) }
    students += StudentRegistry.policies.map { part("policy", $0.name) }
    for student in students {
      #expect(throws: Never.self) { try PortableStudent.document(student, location: "model") }
    }
  }

  @Test func `A kind without code in Python is refused by name`() throws {
    let resolved = try PortableStudent.document(["memory": ["kind": "qlinatt"]], location: "model")
    var object = try #require(resolved.objectValue)
    object["memory"] = ["kind": "mamba-3", "keys": "all"]
    let error = #expect(throws: ExportError.self) {
      try PortableStudent.check(.object(object), location: "runs/x")
    }
    #expect(
      error?.description == """
        runs/x: the memory "mamba-3" has no code in exported folders, so that transformers would run \
        another model; what would fit: feature-map, gated-delta-net, mamba-2, qlinatt, rad-rwkv6, \
        rad-rwkv7. Nothing was written
        """)
    #expect(error?.exitCode == .usage)
  }

  @Test func `An option without code in Python is refused by name`() throws {
    let resolved = try PortableStudent.document(["mixer": "qlinatt"], location: "model")
    var object = try #require(resolved.objectValue)
    object["decay"] = 0.5
    let error = #expect(throws: ExportError.self) {
      try PortableStudent.check(.object(object), location: "runs/x")
    }
    #expect(
      error?.description.hasPrefix(
        "runs/x: the option \"decay\" of the mixer \"qlinatt\" has no code")
        == true)
  }

  @Test func `Layers of two kinds are refused, and nothing is written`() throws {
    try withTemporaryFolder { folder in
      var teacher = TinyCheckpoint.llama()
      teacher.shapes["model.layers.1.self_attn.q_proj.bias"] = [16]
      let error = #expect(throws: ExportError.self) {
        try export(["mixer": "linear"], of: teacher, in: folder)
      }
      #expect(
        error?.description.contains("layer 1, whose tensors are not those of layer 0") == true)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }
}
