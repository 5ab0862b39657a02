import Checkpoints
import Differentiation
import Documents
import Foundation
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

/// A model of 8 layers of about 4 MB in a mapped file.
struct WeightResidencyTests {
  private static let layers = 8
  private static let configuration: JSONValue = [
    "model_type": "llama", "hidden_size": 256, "num_hidden_layers": .integer(layers),
    "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 1024,
    "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 512,
    "rope_theta": 10000.0, "vocab_size": 1024, "tie_word_embeddings": true,
  ]

  private func withDecoder(_ body: (Decoder, _ file: String, _ layerBytes: Int) throws -> Void)
    throws
  {
    try withTemporaryFolder { folder in
      let tensors = try NewModel(Self.configuration, location: "new").initialTensors(seed: 1)
      try SafetensorsWriter().write(
        tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, into: folder)
      try DocumentFile(folder + "/config.json").replace(with: Self.configuration.pretty)
      let source = try ModelSource.open(folder)
      let layer = tensors.filter { $0.key.contains(".layers.0.") }.values
      try body(
        try Decoder(
          configuration: source.configuration, tensors: source.tensors, location: folder),
        folder + "/model.safetensors", layer.reduce(0) { $0 + $1.bytes.count })
    }
  }

  private func hidden(_ decoder: Decoder, tokens: Int, on tape: Tape, isCheckpointed: Bool)
    -> Variable
  {
    decoder.hiddenStates(
      (0..<tokens).map { Int32($0 * 7 % 1024) },
      layout: SequenceLayout(sequences: 1, length: tokens), on: tape,
      isCheckpointed: isCheckpointed)
  }

  private func hidden(_ decoder: Decoder, tokens: Int) -> [Float] {
    hidden(decoder, tokens: tokens, on: Tape(isRecording: false), isCheckpointed: false)
      .value.elements
  }

  #if os(Linux)
    /// Of the mapping of a file, as the kernel counts it.
    private func residentBytes(_ file: String) throws -> Int {
      var isFile = false
      var kilobytes = 0
      // Of files without a size `String(contentsOfFile:)` reads a beginning alone.
      let mappings = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps"))
      let text = String(decoding: try mappings.readToEnd() ?? Data(), as: UTF8.self)
      for line in text.split(separator: "\n") {
        if line.contains("-"), line.first?.isHexDigit == true, !line.contains("kB") {
          isFile = line.hasSuffix(file)
        } else if isFile, line.hasPrefix("Rss:") {
          kilobytes += Int(line.split(separator: " ")[1]) ?? 0
        }
      }
      try #require(kilobytes > 0, "nothing of \(file) is mapped")
      return kilobytes * 1024
    }

    @Test func `A walk leaves no more than its last layer in memory, and computes the same`()
      throws
    {
      try withDecoder { (decoder, file, layerBytes) throws in
        let first = hidden(decoder, tokens: 64)
        let afterWalk = try residentBytes(file)
        #expect(afterWalk < 2 * layerBytes)
        #expect(hidden(decoder, tokens: 64) == first)
        // Few tokens do not pay for bringing the weights back.
        _ = hidden(decoder, tokens: 8)
        let afterStep = try residentBytes(file)
        #expect(afterStep > (Self.layers - 1) * layerBytes)
      }
    }

    @Test func `The backward pass of layers that are computed again lets go of them too`() throws {
      try withDecoder { (decoder, file, layerBytes) throws in
        let adapted = try #require(decoder.layers.first)
        adapted.adapters[.queries] = LowRankAdapter(
          .queries, layer: 0, inputs: 256, outputs: 256, rank: 2, alpha: 4, dropout: 0, seed: 1)
        let tape = Tape()
        let x = hidden(decoder, tokens: 64, on: tape, isCheckpointed: true)
        tape.backward(from: [(x, x.value)])
        let resident = try residentBytes(file)
        #expect(resident < 3 * layerBytes)
      }
    }
  #endif
}
