/// Made with PyPI `cryptography` 50.0.2: key 00 01 … 1f, kind 1, purpose "oauth", tenant "org-1", table "connections",
/// row "42", column "token", generation "1", plaintext "synthetic". The same values stand in
/// docs/formats/sealed-record.md.
enum SealedRecordVectors {
    static let keyID = "76cf0a8cb3bbdf40"
    static let record = """
        706d73310176cf0a8cb3bbdf401a79090680b8889f86a7c1b67f2816d0a363ff5192b0e32fba7230cc2914a3ed669118
        52f2552b0616f320197e7a6d2f31088f83254b66b763f6083c7a8e5044774ab26f2730b78dfa17b1d829fcf31400
        """
}
