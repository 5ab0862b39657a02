import Documents
import Models
import Students
import Testing

@testable import Pipeline

@Suite struct StageSizesTests {
  @Test func `what a stage needs is made of what every layer's mixer says of itself`() throws {
    let teacher = try TinyTeacher(layers: 3)
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let decoder = try LoadedModel.open(teacher.folder + "/teacher").decoder
    let softmax = decoder.layers[0].mixer.cost(length: 64)
    let sizes = { (document: JSONValue) -> StageSizes in
      let student = try DocumentReader.read(document, StudentSpecification.init)
      try decoder.install(student, seed: 1, location: "here")
      return StageSizes(decoder, sequenceLength: 64, rows: 128, tokens: 1)
    }
    let linear = try sizes(["mixer": "qlinatt", "softmaxLayers": [1]])
    let own = decoder.layers[0].mixer.cost(length: 64)
    #expect(linear.convertedLayers == 2)
    #expect(linear.mixerOperations == 2 * own.operations)
    #expect(linear.softmaxOperations == 3 * softmax.operations)
    #expect(linear.attentionOperations == 2 * own.operations + softmax.operations)
    decoder.layers[1].mixer = decoder.layers[0].mixer
    let whole = StageSizes(decoder, sequenceLength: 64, rows: 128, tokens: 1)
    let kept = { (checkpointed: Bool) in
      whole.graphBytes(isCheckpointed: checkpointed)
        - linear.graphBytes(isCheckpointed: checkpointed)
    }
    #expect(kept(false) == 4 * 128 * Int(own.keptElements - softmax.keptElements))
    // Of the largest layer alone.
    #expect(kept(true) == 0)
  }

  @Test func `stored activations are counted block by block, two files at a time`() throws {
    let bytes = { (storage: String, size: Int, layers: Int) -> StoredActivationBytes in
      StoredActivationBytes(
        try DocumentReader.read(
          ["storage": .string(storage), "layersPerBlock": .integer(size)],
          StoredActivationsSpecification.init), tokens: 100, hidden: 8, layers: layers)
    }
    let single = try bytes("bfloat16", 1, 4)
    #expect(single.peak == 2 * 100 * 8 * (2 + 4) && single.written == 2 * single.peak)
    let uneven = try bytes("float32", 3, 4)
    #expect(uneven.peak == 100 * 8 * (3 * 4 + 4 + 4 + 4) && uneven.written == uneven.peak)
    let whole = try bytes("bfloat16", 16, 4)
    #expect(whole.peak == 100 * 8 * (4 * 2 + 4) && whole.written == whole.peak)
  }
}
