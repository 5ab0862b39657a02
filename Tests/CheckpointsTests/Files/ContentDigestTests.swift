import Foundation
import Testing

@testable import Checkpoints

/// Digests that sha256sum printed.
struct ContentDigestTests {
  @Test func `The digest of one file is what sha256sum prints of it`() throws {
    let manifest = try JSONSerialization.jsonObject(
      with: Data(Goldens.bytes("manifest.json")))
    let files = try #require((manifest as? [String: Any])?["files"] as? [String: String])
    let expected = try #require(files["gguf/llama.gguf"])
    #expect(try ModelSource.open(Goldens.path("gguf/llama.gguf")).contentDigest() == expected)
  }

  @Test func `The digest of shards is that of the list which sha256sum prints of them`() throws {
    let folder = try ModelFolder()
    try folder.shard("model-1.safetensors", [("a", [1])])
    try folder.shard("model-2.safetensors", [("b", [2])])
    try folder.index(#"{"b":"model-2.safetensors","a":"model-1.safetensors"}"#)
    #expect(
      try ModelSource.open(folder.path).contentDigest()
        == "186c33847ccd5b8762e1c6cd245a310e0d0861b8bc84c382e61e636772a51638")
  }

  @Test func `A file longer than one portion is hashed whole`() throws {
    let folder = try ModelFolder()
    let count = 4_194_305
    let header = #"{"a":{"dtype":"F32","shape":[\#(count)],"data_offsets":[0,\#(4 * count)]}}"#
    let bytes = GGUFBuilder.little(UInt64(header.utf8.count)) + Array(header.utf8)
    try write(
      bytes + [UInt8](repeating: 0, count: 4 * count), to: folder.folder.file("model.safetensors"))
    #expect(
      try ModelSource.open(folder.path).contentDigest()
        == "48a6c6ba7160d1d17dbb8c02961f6fda04c37f64136fa3beade484350df19b6e")
  }
}
