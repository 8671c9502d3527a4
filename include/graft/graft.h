/* graft.h - everything: fine-tuning of low-rank adapters over quantised GGUF bases. */
#ifndef GRAFT_GRAFT_H
#define GRAFT_GRAFT_H

#include <graft/bench.h>
#include <graft/config.h>
#include <graft/dataset.h>
#include <graft/eval.h>
#include <graft/export.h>
#include <graft/generate.h>
#include <graft/held.h>
#include <graft/job.h>
#include <graft/log.h>
#include <graft/model.h>
#include <graft/plan.h>
#include <graft/quantize.h>
#include <graft/status.h>
#include <graft/text.h>
#include <graft/tokenizer.h>
#include <graft/train.h>
#include <graft/verify.h>
#include <graft/version.h>

#endif
