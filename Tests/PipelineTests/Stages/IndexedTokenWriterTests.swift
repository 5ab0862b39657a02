import Corpus
import Documents
import Foundation
import Models
import TestSupport
import Testing

@testable import Pipeline

@Suite struct IndexedTokenWriterTests {
  @Test(arguments: [0, 1, 5, 65_535, 65_536, 131_073], [50_000, 65_536, 65_537])
  func `tokens are read back as they were written, in 16 bits where the vocabulary allows`(
    count: Int, vocabulary: Int
  ) throws {
    try withTemporaryFolder { folder in
      let tokens = (0..<count).map { Int32(($0 * 7919) % vocabulary) }
      let path = "\(folder)/ids.bin"
      try IndexedTokenWriter.write(tokens, vocabularySize: vocabulary, to: path)
      let file = try IndexedTokenFile(path)
      #expect(file.width == (vocabulary <= 65_536 ? .uint16 : .int32))
      #expect(file.tokenCount == count)
      #expect(
        try file.documents.flatMap { try file.tokens($0, vocabularySize: vocabulary) } == tokens)
    }
  }

  @Test func `another file's index does not survive, and another name is refused`() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/ids.bin"
      try IndexedTokenWriter.write([1, 2, 3], vocabularySize: 9, to: path)
      try IndexedTokenWriter.write([4], vocabularySize: 9, to: path)
      #expect(try IndexedTokenFile(path).documents == [0..<1])
      let error = #expect(throws: InputError.self) {
        try IndexedTokenWriter.write([1], vocabularySize: 9, to: "\(folder)/ids.json")
      }
      #expect(
        error?.description
          == "\(folder)/ids.json: is no name for tokens of the format binidx; expected one that ends "
          + "in .bin")
    }
  }

  @Test
  func `a recipe takes windows of a .bin file in the order of RADLADS' code, whatever the seed`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let path = teacher.folder + "/train.bin"
    let tokens = (0..<1000).map { Int32($0 % 61) }
    try IndexedTokenWriter.write(tokens, vocabularySize: 61, to: path)
    let data = #"data.train=[{"path":"\#(path)","format":"binidx"}]"#
    let recipe = try teacher.recipe(data, "data.order=radlads", "data.sequenceLength=16")
    let model = try LoadedModel.open("\(teacher.folder)/teacher")
    let loaded = try RecipeData(recipe.recipe.data, model: model, seed: 1)
    // The prime is 59; of 1000 tokens in windows of 16 there are 62.
    #expect(loaded.train.count == 62)
    #expect(loaded.trainingIndices(step: 0, count: 4) == [36, 52, 28, 3])
    #expect(loaded.trainingIndices(step: 1, count: 4) == [16, 47, 17, 24])
    #expect(loaded.trainingIndices(step: 59, count: 1) == [36])
    #expect(
      try RecipeData(recipe.recipe.data, model: model, seed: 2).trainingIndices(step: 1, count: 4)
        == [16, 47, 17, 24])
    #expect(loaded.train[36].tokens == Array(tokens[576..<592]))
    #expect(try teacher.run(recipe) == .success)
    // The index is an input as the tokens are.
    let inputs = try RunInputs.document(
      recipe.recipe.data, teacher: model.source, teacherDigest: "")
    #expect(inputs["data"]?[teacher.folder + "/train.idx"] != nil)
    try FileManager.default.removeItem(atPath: teacher.folder + "/train.idx")
    let missing = #expect(throws: RecipeError.self) { try recipe.checkInputs() }
    #expect(
      try #require(missing).description.contains(
        "$.data.train[0].path, its index: \"\(teacher.folder)/train.idx\" does not exist"))
    let short = try teacher.recipe(data, "data.order=radlads", "data.sequenceLength=400")
    try IndexedTokenWriter.write(tokens, vocabularySize: 61, to: path)
    let error = #expect(throws: DatasetError.self) {
      try RecipeData(short.recipe.data, model: model, seed: 1)
    }
    #expect(
      error?.description
        == "\(path): 1000 tokens make 2 windows of 400, too few for the order \"radlads\", which takes "
        + "as many as a prime that is 2 modulo 3; give more data, or set data.order to shuffled")
  }
}
