import Differentiation
import Documents
import Operations
import TensorCore
import TestSupport
import Testing

@testable import Transformers

@Suite struct EmbeddingPoolingTests {
  private let modules: JSONValue = [
    ["idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"],
    ["idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"],
    ["idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"],
  ]

  @Test func `the modules of sentence-transformers say how texts become vectors`() throws {
    let pooling: JSONValue = [
      "word_embedding_dimension": 384, "pooling_mode_cls_token": false,
      "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false,
    ]
    #expect(
      try EmbeddingPooling(
        sentenceModules: ["modules.json": modules, "1_Pooling/config.json": pooling],
        location: "m") == EmbeddingPooling(.mean, isNormalized: true))
    #expect(
      try EmbeddingPooling(
        sentenceModules: ["1_Pooling/config.json": ["pooling_mode_cls_token": true]],
        location: "m") == EmbeddingPooling(.first))
    #expect(try EmbeddingPooling(sentenceModules: [:], location: "m") == EmbeddingPooling(.mean))
  }

  @Test func `modules and poolings that are not known here are refused, all at once`() throws {
    let error = try #require(throws: ModelError.self) {
      try EmbeddingPooling(
        sentenceModules: [
          "modules.json": [["type": "sentence_transformers.models.Dense", "path": "2_Dense"]],
          "1_Pooling/config.json": [
            "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true,
          ],
        ], location: "models/other")
    }
    #expect(
      error.problems == [
        "modules.json: the module \"sentence_transformers.models.Dense\" is not supported; known "
          + "are Transformer, Pooling, Normalize",
        "1_Pooling/config.json: found pooling_mode_mean_tokens, pooling_mode_max_tokens, expected "
          + "one of pooling_mode_cls_token, pooling_mode_mean_tokens",
      ])
  }

  @Test(arguments: SegmentPooling.allCases)
  func `gradients flow from a text's vector through the whole encoder, checkpointed or not`(
    pooling: SegmentPooling
  ) throws {
    let golden = TeacherGolden("bert")
    let tokens = try golden.tokens().flatMap { $0 }
    let layout = SequenceLayout(
      rows: 48, segments: [.init(start: 0, count: 30), .init(start: 33, count: 15)])
    var draw = TestValues(2)
    let upstream = draw.normal(2 * 32)
    let encoder = try golden.teacher()
    encoder.unfreezeWeights { $0 == "model.layers.0.self_attn.v_proj.weight" }
    let value = { (tape: Tape, isCheckpointed: Bool) in
      encoder.textEmbeddings(
        tokens, layout: layout, pooling, on: tape, isCheckpointed: isCheckpointed)
    }
    let parameter = encoder.parameters[0].parameter
    let gradient = { (isCheckpointed: Bool) throws -> [Float] in
      parameter.gradient = nil
      let tape = Tape()
      let output = value(tape, isCheckpointed)
      tape.backward(from: [(output, Tensor(upstream.map(Float.init), [2, 32]))])
      return try #require(parameter.gradient).elements
    }
    let found = try gradient(false)
    #expect(try gradient(true) == found)
    let start = parameter.value
    let direction = draw.normal(start.count)
    let slope = numericalGradient(at: [0], step: 1e-3) { step in
      parameter.value = Tensor(
        zip(start.elements, direction).map { $0 + Float(step[0] * $1) }, start.shape)
      return dot(value(Tape(isRecording: false), false).value.elements, upstream)
    }[0]
    let norm = dot(found, found.map(Double.init)).squareRoot()
    #expect(abs(dot(found, direction) - slope) < 3e-3 * norm)
  }
}
