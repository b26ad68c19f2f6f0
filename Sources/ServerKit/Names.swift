package import ServerStore

// RunModel has values of these names too, the runner's. Here they are the store's, unless RunModel is named.
package typealias Run = ServerStore.Run
package typealias RunID = ServerStore.RunID
package typealias Artifact = ServerStore.Artifact
package typealias Timestamp = ServerStore.Timestamp
