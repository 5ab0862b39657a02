import Checkpoints
import Documents
import Foundation
import ModelsTestSupport
import TensorCore
import TestSupport
import Testing

@testable import Models

/// A sequence that goes on in another process is the one that never stopped, to the last bit: the
/// model is opened anew for every part, and what is written at the end is compared byte for byte.
@Suite struct RememberedSequenceTests {
  static let teachers = ["llama", "gpt2", "neox", "phi3"]
  static let students: [String: JSONValue] = [
    "hybrid": [
      "mixer": "terrace-window", "windowSize": 4, "sinks": 1, "softmaxLayers": [1],
    ],
    "sliding": ["mixer": "sliding-window", "windowSize": 3],
    "gated": [
      "memory": ["kind": "feature-map"], "policy": ["kind": "gated"],
      "window": ["kind": "sliding", "size": 4, "sinks": 1],
    ],
    "recurrent-window": [
      "memory": ["kind": "rad-rwkv7", "keys": "older"], "policy": ["kind": "projected-sum"],
      "window": ["kind": "sliding", "size": 4, "sinks": 1],
    ],
    "linear": ["mixer": "linear"], "rad-rwkv6": ["mixer": "rad-rwkv6"],
    "rad-rwkv7": ["mixer": "rad-rwkv7"], "qlinatt": ["mixer": "qlinatt"],
  ]
  static let kinds = teachers + students.keys.sorted()

  /// Writes a model of the kind and gives its path.
  private func write(_ kind: String, to folder: String) throws -> String {
    let teacher =
      switch kind {
      case "gpt2": TinyCheckpoint.gpt2()
      case "neox": TinyCheckpoint.gptNeoX()
      case "phi3": TinyCheckpoint.phi3()
      default: TinyCheckpoint.llama()
      }
    try TinyCheckpoint.write(teacher, to: folder)
    guard let student = Self.students[kind] else { return folder }
    try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5", student: student)
    return "\(folder)/student.h5"
  }

  private func generator(_ model: LoadedModel) throws -> TextGenerator {
    TextGenerator(
      decoder: model.decoder, tokenizer: try model.requireTokenizer(), location: model.location,
      stopTokens: [], clock: { 0 })
  }

  /// Generates, from the memory of one file to another, with a model of its own.
  private func part(
    _ path: String, _ prompt: [Int32], _ count: Int, from: String? = nil, to: String? = nil,
    temperature: Double = 1
  ) throws -> (tokens: [Int32], text: String) {
    let model = try LoadedModel.open(path)
    var sequence = try from.map { try RememberedSequence.read($0, of: model) }
    var text = ""
    let result = try generator(model).generate(
      prompt, after: &sequence, maximumTokens: count,
      sampling: try SamplingOptions(temperature: temperature, seed: 3)
    ) { text += $0 }
    try to.map { try sequence!.write(to: $0, of: model) }
    return (result.tokens, text)
  }

  private func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
  }

  @Test(arguments: kinds)
  func `What is generated in two parts is what is generated in one`(kind: String) throws {
    try withTemporaryFolder { folder in
      let model = try write(kind, to: folder)
      let prompt: [Int32] = [5, 9, 12, 3, 30, 7, 8]
      let file = { (name: String) in "\(folder)/\(name).h5" }
      let whole = try part(model, prompt, 12, to: file("whole"))
      for count in [0, 1, 5] {
        let first = try part(model, prompt, count, to: file("first"))
        let second = try part(model, [], 12 - count, from: file("first"), to: file("second"))
        #expect(first.tokens + second.tokens == whole.tokens)
        #expect(first.text + second.text == whole.text)
        #expect(try bytes(file("second")) == bytes(file("whole")))
      }
    }
  }

  @Test(arguments: kinds)
  func `A prompt behind a memory is read as in the session that has it`(kind: String) throws {
    try withTemporaryFolder { folder in
      let path = try write(kind, to: folder)
      let file = folder + "/memory.h5"
      let first = try part(path, [5, 9, 12, 3, 30], 4, to: file)
      let second = try part(path, [7, 1, 22], 6, from: file, to: file)
      let model = try LoadedModel.open(path)
      let session = RememberedSequence(model.decoder, context: 18).session
      var logits = session.logits(after: [5, 9, 12, 3, 30])
      let sampler = try SamplingOptions(temperature: 1, seed: 3).sampler
      var drawn: [Int32] = []
      for step in 0..<4 {
        drawn.append(sampler.sample(logits, step: step))
        if step < 3 { logits = session.logits(after: [drawn[step]]) }
      }
      #expect(drawn == first.tokens)
      logits = session.logits(after: [drawn[3], 7, 1, 22])
      for step in 0..<6 {
        drawn.append(sampler.sample(logits, step: step))
        logits = session.logits(after: [drawn.last!])
      }
      #expect(Array(drawn.dropFirst(4)) == second.tokens)
      let stored = try RememberedSequence.read(file, of: model)
      #expect(stored.tokens == [5, 9, 12, 3, 30] + first.tokens + [7, 1, 22] + second.tokens)
      #expect(stored.position == 17 && stored.generated == 6)
    }
  }

  private func refusal(_ path: String, _ file: String) throws -> String {
    let model = try LoadedModel.open(path)
    do {
      _ = try RememberedSequence.read(file, of: model)
    } catch {
      #expect((error as? any ExitCoded)?.exitCode == .badData, "\(error)")
      return "\(error)"
    }
    return "accepted"
  }

  @Test func `A memory of another model is refused, with both and what to do`() throws {
    try withTemporaryFolder { folder in
      let student = try write("hybrid", to: folder)
      let (file, other) = (folder + "/memory.h5", folder + "/other.h5")
      _ = try part(student, [5, 9], 2, to: file)
      let digests = try [student, folder].map { try LoadedModel.open($0).contentDigest() }
      #expect(
        try refusal(folder, file) == """
          \(file): holds the memory of another model: \(student) (llama of 2 layers with \
          terrace-window, SHA-256 \(digests[0])), expected \(folder) (llama of 2 layers, SHA-256 \
          \(digests[1])); name the model that has read it with --model, or read the prompt again \
          without --memory
          """)
      // The same student, trained otherwise.
      var trained = try StudentArtefact.read(student)
      trained.tensors[0].tensor = Tensor(
        trained.tensors[0].tensor.elements.map { $0 * 1.5 }, trained.tensors[0].tensor.shape)
      try trained.write(to: other)
      #expect(try refusal(other, file).hasPrefix("\(file): holds the memory of another model"))
      #expect(
        try refusal(student, other)
          == "\(other): is no memory of a sequence; expected a file that generate --save-memory has written"
      )
    }
  }

  @Test(arguments: ["llama", "hybrid", "rad-rwkv7"])
  func `A file that was cut or changed is refused`(kind: String) throws {
    try withTemporaryFolder { folder in
      let model = try write(kind, to: folder)
      let file = folder + "/memory.h5"
      _ = try part(model, [5, 9, 12], 3, to: file)
      let whole = try bytes(file)
      for length in stride(from: 0, to: whole.count, by: whole.count / 23) {
        try whole.prefix(length).write(to: URL(fileURLWithPath: file))
        #expect(try refusal(model, file).hasPrefix("\(file): "), "\(length) bytes")
      }
      for position in stride(from: 3, to: whole.count, by: whole.count / 41) {
        var changed = whole
        changed[position] ^= 0x10
        try changed.write(to: URL(fileURLWithPath: file))
        let found = try refusal(model, file)
        // Bytes between the parts of a file belong to none.
        if found == "accepted" {
          let kept = folder + "/kept.h5"
          let loaded = try LoadedModel.open(model)
          try RememberedSequence.read(file, of: loaded).write(to: kept, of: loaded)
          #expect(try bytes(kept) == whole, "byte \(position)")
        }
      }
    }
  }

  @Test func `A memory that others have written into is refused by its numbers`() throws {
    try withTemporaryFolder { folder in
      let path = try write("llama", to: folder)
      let (file, other) = (folder + "/memory.h5", folder + "/changed.h5")
      _ = try part(path, [5, 9, 12], 3, to: file)
      let source = try HDF5File.open(file)
      let changed = try HDF5File.create(other)
      for name in try source.attributes.names {
        try changed.attributes.set(name, to: try #require(try source.attributes.value(name)))
      }
      for name in try source.names {
        if name == "tokens" {
          try changed.write(name, try source.int32s(name))
        } else {
          var tensor = try source.tensor(name)
          if name == "layers/01/keys" {
            var elements = tensor.elements
            elements[3] += 1
            tensor = Tensor(elements, tensor.shape)
          }
          try changed.write(name, tensor)
        }
      }
      try changed.close()
      #expect(try refusal(path, other).hasPrefix("\(other): holds other numbers (SHA-256 "))
    }
  }

  @Test func `What is no memory is not replaced by one`() throws {
    try withTemporaryFolder { folder in
      let student = try write("hybrid", to: folder)
      let before = try bytes(student)
      for (path, reason) in [
        (student, "it is there and holds no memory, and is not replaced; name another file"),
        (folder, "it is a folder; name a file"),
        (folder + "/no/memory.h5", "\(folder)/no is no folder; make it, or name another file"),
      ] {
        let error = #expect(throws: UnwritableMemory.self) {
          try part(student, [5, 9], 1, to: path)
        }
        #expect(
          error?.description.hasPrefix("\(path): the memory cannot be written: \(reason)") == true)
        #expect(error?.exitCode == .inputOutput)
      }
      #expect(try bytes(student) == before)
    }
  }

  @Test func `A sequence ends where the model's does, with what is remembered`() throws {
    try withTemporaryFolder { folder in
      let path = try write("gpt2", to: folder)
      let file = folder + "/memory.h5"
      #expect(try part(path, [Int32](repeating: 4, count: 20), 2, to: file).tokens.count == 2)
      #expect(try part(path, [], 100, from: file, to: file).tokens.count == 3)
      let error = #expect(throws: GenerationError.self) { try part(path, [], 1, from: file) }
      #expect(
        error?.description == """
          \(path): the sequence has 25 tokens with the 25 that are remembered, but the model has \
          learned 24 positions; start anew with a shorter prompt
          """)
    }
  }

  @Test func `What was rotated for short sequences is not continued to a long one`() throws {
    try withTemporaryFolder { folder in
      let path = try write("phi3", to: folder)
      let file = folder + "/memory.h5"
      _ = try part(path, [5, 9, 12, 3, 30, 7], 4, to: file)
      #expect(try part(path, [], 10, from: file).tokens.count == 10)
      let error = #expect(throws: GenerationError.self) { try part(path, [], 11, from: file) }
      #expect(
        error?.description == """
          \(path): what is remembered was read for a sequence of at most 10 tokens, and the model \
          rotates positions otherwise in one of 21; generate fewer tokens, or read the prompt again \
          without --memory
          """)
      _ = try part(path, [5, 9, 12, 3, 30, 7], 15, to: file)
      #expect(try part(path, [], 11, from: file).tokens.count == 11)
    }
  }
}
