import Checkpoints
import Differentiation
import Documents
import Foundation
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

/// Files as llama.cpp's converter writes them, of the goldens' own models.
@Suite struct GGUFGoldenTests {
  @Test(arguments: TeacherGolden.withGGUF)
  func `A GGUF file gives back the tensors it was made of, and transformers' logits`(
    golden: TeacherGolden
  ) throws {
    let original = try golden.source()
    let file = try golden.gguf()
    let (configuration, tensors) = try TeacherFamilies.translated(
      gguf: file.metadata, tensors: file.tensors, location: file.location)
    #expect(Set(tensors.keys) == Set(original.tensors.keys))
    for (name, tensor) in tensors {
      let expected = try #require(original.tensors[name])
      #expect(tensor.shape == expected.shape, "\(name)")
      let values = expected.widened().doubles
      // Gemma's norms are stored as 1 + w: half a unit in the last place of that is what w loses.
      let rms = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      let loss = exp2(-24.0) * values.reduce(0) { max($0, abs(1 + $1)) } / rms
      let tolerance = name.contains("norm") ? max(1e-7, 2 * loss) : 1e-7
      #expect(relativeRMS(tensor.widened().elements, values) < tolerance, "\(name)")
    }
    let teacher = try Decoder(
      configuration: configuration, tensors: tensors, location: file.location)
    let logits = teacher.logits(
      try golden.tokens().flatMap { $0 }, layout: SequenceLayout(sequences: 2, length: 24))
    let expected = try #require(try golden.expected()["logits"])
    #expect(
      relativeRMS(logits.elements, expected.doubles) < TeacherGoldenTests.tolerance)
  }
}
