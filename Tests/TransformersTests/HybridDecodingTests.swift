import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

/// A student some of whose layers keep softmax attention, in generation.
@Suite struct HybridDecodingTests {
  struct Hybrid: Sendable, CustomTestStringConvertible {
    let mixer: String
    let softmaxLayers: String
    var testDescription: String { "\(mixer), softmax in \(softmaxLayers)" }

    static let all = StudentRegistry.mixers.flatMap { mixer in
      ["first 1", "last 1", "every 2", "0"].map { Hybrid(mixer: mixer.name, softmaxLayers: $0) }
    }

    func decoder() throws -> Decoder {
      var document: JSONObject = [
        "mixer": .string(mixer), "softmaxLayers": .string(softmaxLayers),
      ]
      if mixer.hasSuffix("-window") { document["windowSize"] = 4 }
      if mixer == "window-memory" {
        document["window"] = ["size": 4, "sinks": 1]
        document["policy"] = ["kind": "average"]
      }
      let decoder = try TeacherGolden("llama").teacher()
      try decoder.install(
        try DocumentReader.read(.object(document), StudentSpecification.init), seed: 3,
        location: "")
      return decoder
    }
  }

  private func logits(_ session: DecodingSession, _ tokens: some Collection<Int32>) -> [Float] {
    session.decoder.logits(session.advance(Array(tokens))).elements
  }

  @Test(arguments: Hybrid.all)
  func `decoding gives the logits of the parallel form, from a prefix, its forks, token by token`(
    hybrid: Hybrid
  ) throws {
    let decoder = try hybrid.decoder()
    let tokens = try TeacherGolden("llama").tokens()[0]
    let vocabulary = decoder.configuration.vocabularySize
    let whole = decoder.logits(tokens).elements.map(Double.init)
    let session = DecodingSession(decoder)
    var found = logits(session, tokens[..<9])
    // A fork that reads something else does not move the session that goes on.
    let fork = session.fork()
    _ = fork.advance(tokens[9...].reversed())
    for token in tokens[9...] { found += logits(session, [token]) }
    #expect(found.count == tokens.count * vocabulary)
    #expect(relativeRMS(found, whole) < 2e-5)
  }

  @Test(arguments: Hybrid.all)
  func `the state grows by the keys and values of the softmax layer alone`(hybrid: Hybrid) throws {
    let decoder = try hybrid.decoder()
    let tokens = try TeacherGolden("llama").tokens()[0]
    #expect(decoder.layers.count { $0.mixer is SoftmaxAttentionMixer } == 1)
    let session = DecodingSession(decoder)
    _ = session.advance(Array(tokens[..<8]))
    let before = session.stateBytes
    _ = session.advance(Array(tokens[8..<24]))
    let perToken = 2 * decoder.configuration.attention.keyWidth * MemoryLayout<Float>.size
    #expect(session.stateBytes - before == 16 * perToken)
  }
}
