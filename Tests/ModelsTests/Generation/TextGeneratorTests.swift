import Corpus
import Differentiation
import Documents
import ModelsTestSupport
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

@Suite struct TextGeneratorTests {
  private func withModel<Result>(
    _ teacher: (configuration: JSONValue, shapes: [String: Shape]), student: Bool = false,
    _ body: (LoadedModel) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(teacher, to: folder)
      if !student { return try body(try LoadedModel.open(folder)) }
      try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5")
      return try body(try LoadedModel.open("\(folder)/student.h5"))
    }
  }

  private func generator(_ model: LoadedModel, stopTokens: Set<Int32> = []) throws -> TextGenerator
  {
    TextGenerator(
      decoder: model.decoder, tokenizer: try model.requireTokenizer(), location: model.location,
      stopTokens: stopTokens, clock: { 0 })
  }

  /// The most probable next token by the parallel form.
  private func next(_ decoder: Decoder, _ tokens: [Int32]) -> Int32 {
    let hidden = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    let size = decoder.configuration.vocabularySize
    return GreedySampler().sample(
      Array(decoder.logits(hidden.value).elements.suffix(size)), step: 0)
  }

  @Test(arguments: [false, true])
  func `Greedy text is what the parallel form finds most probable at every step`(
    student: Bool
  ) throws {
    try withModel(TinyCheckpoint.llama(), student: student) { model in
      let generator = try generator(model)
      let prompt = try generator.promptTokens("the cat 42", addSpecialTokens: true)
      var text = ""
      let result = try generator.generate(
        prompt, maximumTokens: 15, sampling: try SamplingOptions()
      ) { text += $0 }
      var tokens = prompt
      for token in result.tokens {
        #expect(token == next(model.decoder, tokens))
        tokens.append(token)
      }
      #expect(result.tokens.count == 15)
      #expect(result.ending == .maximumTokens)
      #expect(result.decodedTokens == 14)
      #expect(
        text == (try model.requireTokenizer()).decode(result.tokens, skipSpecialTokens: true))
    }
  }

  @Test func `A student's state keeps its size, a teacher's cache grows`() throws {
    try withModel(TinyCheckpoint.llama(), student: true) { model in
      let result = try generator(model).generate(
        [5, 6, 7], maximumTokens: 20, sampling: try SamplingOptions())
      #expect(result.prefillStateBytes == result.stateBytes && result.stateBytes > 0)
    }
    try withModel(TinyCheckpoint.llama()) { model in
      let result = try generator(model).generate(
        [5, 6, 7], maximumTokens: 20, sampling: try SamplingOptions())
      #expect(result.prefillStateBytes == 3 * 2 * 2 * 8 * 4)
      #expect(result.stateBytes == 22 * 2 * 2 * 8 * 4)
    }
  }

  @Test func `Generation ends before a stop token, unless told to go on`() throws {
    try withModel(TinyCheckpoint.llama()) { model in
      let free = try generator(model).generate(
        [3, 9], maximumTokens: 12, sampling: try SamplingOptions(temperature: 1, seed: 4))
      let stop = free.tokens[5]
      let end = free.tokens.firstIndex(of: stop)!
      let stopping = try generator(model, stopTokens: [stop])
      let sampling = try SamplingOptions(temperature: 1, seed: 4)
      let stopped = try stopping.generate([3, 9], maximumTokens: 12, sampling: sampling)
      #expect(stopped.tokens == Array(free.tokens[..<end]))
      #expect(stopped.ending == .endOfText)
      let ignored = try stopping.generate(
        [3, 9], maximumTokens: 12, sampling: sampling, ignoreEnd: true)
      #expect(ignored.tokens == free.tokens)
    }
  }

  @Test func `An empty prompt starts from the token that ends texts`() throws {
    try withModel(TinyCheckpoint.llama()) { model in
      let tokens = try generator(model).promptTokens("", addSpecialTokens: true)
      #expect(tokens == [0])
    }
  }

  @Test func `Generation ends with the learned positions`() throws {
    try withModel(TinyCheckpoint.gpt2()) { model in
      let prompt = [Int32](repeating: 4, count: 20)
      let result = try generator(model).generate(
        prompt, maximumTokens: 100, sampling: try SamplingOptions())
      #expect(result.tokens.count == 5)
      #expect(result.ending == .lastPosition)
    }
  }

  @Test func `A prompt beyond the learned positions is refused with both numbers`() throws {
    try withModel(TinyCheckpoint.gpt2()) { model in
      let error = #expect(throws: GenerationError.self) {
        try generator(model).generate(
          [Int32](repeating: 4, count: 25), maximumTokens: 1, sampling: try SamplingOptions())
      }
      #expect(
        error?.description == """
          \(model.location): the prompt has 25 tokens, but the model has learned 24 positions; \
          shorten the prompt
          """)
    }
  }

  @Test func `Generation ends where the student's feature map does`() throws {
    try withModel(TinyCheckpoint.llama()) { model in
      let student = try DocumentReader.read([
        "mixer": "linear", "featureMap": ["kind": "cosformer", "maximumLength": 10],
      ]) { StudentSpecification($0) }
      try model.decoder.install(student, seed: 0, location: "")
      let result = try generator(model).generate(
        [4, 5, 6, 7, 8, 9, 10], maximumTokens: 100, sampling: try SamplingOptions())
      #expect(result.tokens.count == 4)
      #expect(result.ending == .lastPosition)
      #expect(
        #expect(throws: GenerationError.self) {
          try generator(model).generate(
            [Int32](repeating: 4, count: 11), maximumTokens: 1, sampling: try SamplingOptions())
        }?.description == """
          \(model.location): the prompt has 11 tokens, but the model has a feature map for \
          sequences of at most 10 tokens (its maximumLength); shorten the prompt
          """)
    }
  }

  @Test func `No token asked for is none given, without a step`() throws {
    try withModel(TinyCheckpoint.llama()) { model in
      let result = try generator(model).generate(
        [1], maximumTokens: 0, sampling: try SamplingOptions())
      #expect(result.tokens.isEmpty)
    }
  }
}
