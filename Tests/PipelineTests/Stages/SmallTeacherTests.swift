import Differentiation
import Foundation
import Models
import Operations
import Testing
import Transformers

@testable import Pipeline

/// The teacher that is committed in `data/teachers/small`.
@Suite struct SmallTeacherTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  private func meanLoss(_ model: LoadedModel, _ tokens: [Int32]) -> Double {
    let tape = Tape(isRecording: false)
    let hidden = model.decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: tape)
    let losses = model.decoder.crossEntropy(
      hidden, targets: tokens.dropFirst() + [ignoredTarget], gradientScale: nil, on: tape)
    return losses.reduce(0) { $0 + Double($1) } / Double(tokens.count - 1)
  }

  @Test func `it reads a novel's prose, and is lost when the same tokens come backwards`() throws {
    let model = try LoadedModel.open(Self.root + "/data/teachers/small")
    #expect(model.decoder.configuration.layers == 4)
    let text = """
      She was not at all surprised to find that he had been walking with her sister in the \
      garden, and that they were both of them in very good spirits. He had not been long in the \
      house before he asked her whether she would give him leave to wait upon her mother.
      """
    let tokens = try model.requireTokenizer().encode(text, addSpecialTokens: false)
    let loss = meanLoss(model, tokens)
    // e^3.3 is a perplexity of 27, where token frequencies give some 380.
    #expect(loss < 3.3, "\(loss)")
    #expect(meanLoss(model, tokens.reversed()) > loss + 2)
  }
}
