/* hdf5_tree.c - B-trees of an HDF5 image (version 1), which hold the links of a group or the chunks of an array.
 * Source: HDF5 File Format Specification 3.0, III.A.1. */
#include "io/hdf5_internal.h"

#include <string.h>

enum { NODE = 24, ADDRESS = 8, MOST_LEVELS = 8 };
static const uint64_t key_bytes[] = {[GRAFT_H5_LINKS] = 8, [GRAFT_H5_CHUNKS] = 24};

/* Children of a node are nodes of lower levels, so that it ends; those of level 0 are what the tree is for. */
static bool walk_node(graft_h5__parts *image, uint64_t at, graft_h5__tree tree, unsigned most,
                      graft_h5__visit *visit, void *context)
{
    const uint8_t *node = graft_h5__take(image, at, NODE);
    bool good = node != NULL && memcmp(node, "TREE", 4) == 0 && node[4] == tree && node[5] <= most;
    uint64_t n = good ? graft_h5__load_u64(node + 6, 2) : 0, pair = key_bytes[tree] + ADDRESS;
    const uint8_t *pairs = good ? graft_h5__take(image, at + NODE, n * pair) : NULL;
    good = pairs != NULL;
    for (uint64_t i = 0; good && i < n; i++) {
        const uint8_t *key = pairs + i * pair;
        uint64_t child = graft_h5__load_u64(key + key_bytes[tree], ADDRESS);
        good = node[5] == 0 ? visit(context, key, child)
                            : walk_node(image, child, tree, node[5] - 1u, visit, context);
    }
    return good;
}

bool graft_h5__walk_tree(graft_h5__parts *image, uint64_t at, graft_h5__tree tree, graft_h5__visit *visit,
                         void *context)
{
    return walk_node(image, at, tree, MOST_LEVELS, visit, context);
}
