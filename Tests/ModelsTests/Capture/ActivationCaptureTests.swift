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

@Suite struct ActivationCaptureTests {
  private func withModel<Result>(
    _ teacher: (configuration: JSONValue, shapes: [String: Shape]) = TinyCheckpoint.llama(),
    student: Bool = false, _ body: (LoadedModel, String) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(teacher, to: folder)
      if student { try TinyCheckpoint.writeStudent(of: folder, to: "\(folder)/student.h5") }
      return try body(
        try LoadedModel.open(student ? "\(folder)/student.h5" : folder), folder)
    }
  }

  private let tokens: [[Int32]] = [
    [1, 7, 3, 9, 30, 2, 2, 11, 5, 17], [39, 0, 12, 8, 8, 8, 1, 25, 6, 4],
  ]

  private func capture(
    _ model: LoadedModel, _ folder: String, attentions: Bool
  ) throws -> HDF5File {
    let document = JSONValue.array(tokens.map { .array($0.map { .integer(Int($0)) }) })
    try DocumentFile("\(folder)/ids.json").replace(with: document.compact)
    try ActivationCapture(model, includesAttentions: attentions).run(
      tokens: "\(folder)/ids.json", output: "\(folder)/acts.h5")
    return try HDF5File.open("\(folder)/acts.h5")
  }

  @Test(arguments: [false, true])
  func `Hidden states and logits are those of the decoder, in transformers' numbering`(
    student: Bool
  ) throws {
    try withModel(student: student) { model, folder in
      let file = try capture(model, folder, attentions: false)
      #expect(
        try file.names == [
          "tokens", "logits", "hidden_states/0", "hidden_states/1", "hidden_states/2",
        ])
      #expect(try file.int32s("tokens") == tokens.flatMap { $0 })
      #expect(try file.shape(of: "logits") == [2, 10, 40])
      #expect(try file.shape(of: "hidden_states/1") == [2, 10, 16])
      for (row, ids) in tokens.enumerated() {
        let layout = SequenceLayout(length: 10)
        var states: [Tensor] = []
        let final = model.decoder.hiddenStates(
          ids, layout: layout, on: Tape(isRecording: false)
        ) { states.append($0) }
        states[2] = final.value
        for (index, state) in states.enumerated() {
          let found = try file.floats("hidden_states/\(index)")
          #expect(Array(found[row * 160..<(row + 1) * 160]) == state.elements)
        }
        let logits = try file.floats("logits")
        #expect(
          Array(logits[row * 400..<(row + 1) * 400]) == model.decoder.logits(final.value).elements)
      }
    }
  }

  @Test(arguments: [false, true])
  func `Attention weights are causal, sum to one and give the mixer's outputs`(
    student: Bool
  ) throws {
    try withModel(student: student) { model, folder in
      let file = try capture(model, folder, attentions: true)
      let attention = model.decoder.configuration.attention
      #expect(try file.shape(of: "attentions/1") == [2, 2, 10, 10])
      let weights = try file.floats("attentions/0")
      let layout = SequenceLayout(length: 10)
      let tape = Tape(isRecording: false)
      let layer = model.decoder.layers[0]
      let x = tape.constant(model.decoder.embed(tokens[0], layout: layout))
      let input = LayerVisit(layer, stream: x, ForwardPass(layout, on: tape)).input
      let output = layer.mixer.forward(input, on: tape).value.elements
      let values = input.values.value.elements
      for head in 0..<2 {
        for row in 0..<10 {
          let line = Array(weights[(head * 10 + row) * 10..<(head * 10 + row + 1) * 10])
          #expect(line[(row + 1)...].allSatisfy { $0 == 0 })
          #expect(abs(line.reduce(0, +) - 1) < 1e-5)
          for index in 0..<attention.headDim {
            let expected = (0..<10).reduce(Float(0)) {
              $0 + line[$1] * values[$1 * attention.keyWidth + index]
            }
            let found = output[row * attention.queryWidth + head * attention.headDim + index]
            #expect(abs(found - expected) < 1e-5)
          }
        }
      }
    }
  }

  @Test(arguments: [
    (
      "[[1, 2], [3]]",
      "$[1]: found 1 ids, expected 2 as in the first list; sequences must be of equal length"
    ),
    ("[[1, 40]]", "$[0][1]: found the integer 40, expected a token id from 0 to 39"),
    ("[[1, -1]]", "$[0][1]: found the integer -1, expected a token id from 0 to 39"),
    ("[[1], 2]", "$[1]: found the integer 2, expected a list of token ids as the first is"),
    ("[]", "$: found no token id, expected at least one"),
    ("[[], []]", "$: found no token id, expected at least one"),
    ("{}", "$: found an object of 0 members, expected a list of token ids or of lists"),
  ])
  func `Token lists that fit no model are refused with their place`(
    text: String, message: String
  ) throws {
    try withModel { model, folder in
      let path = "\(folder)/bad.json"
      try DocumentFile(path).replace(with: text)
      let error = #expect(throws: InputError.self) {
        try ActivationCapture(model, includesAttentions: false).run(
          tokens: path, output: "\(folder)/acts.h5")
      }
      #expect(error?.description == "\(path), \(message)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/acts.h5"))
    }
  }

  @Test func `Sequences beyond learned positions are refused`() throws {
    try withModel(TinyCheckpoint.gpt2()) { model, folder in
      let path = "\(folder)/long.json"
      let ids = JSONValue.array([.array((0..<25).map { .integer($0) })])
      try DocumentFile(path).replace(with: ids.compact)
      let error = #expect(throws: InputError.self) {
        try ActivationCapture(model, includesAttentions: false).run(
          tokens: path, output: "\(folder)/acts.h5")
      }
      #expect(
        error?.description
          == "\(path): sequences of 25 tokens, but \(folder) has learned 24 positions; give shorter ones"
      )
    }
  }
}
