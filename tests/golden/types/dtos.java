/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//Package: 
//GlobalNamespace: dtos
//AddPropertyAccessors: True
//SettersReturnThis: True
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddDescriptionAsComments: True
//AddImplicitVersion: 
//IncludeTypes: 
//ExcludeTypes: 
//TreatTypesAsStrings: 
//DefaultImports: java.math.*,java.util.*,java.io.InputStream,net.servicestack.client.*,com.google.gson.annotations.*,com.google.gson.reflect.*
*/

import java.math.*;
import java.util.*;
import java.io.InputStream;
import net.servicestack.client.*;
import com.google.gson.annotations.*;
import com.google.gson.reflect.*;

public class dtos
{

    /**
    * What every generation has.
    */
    public static interface IGeneration
    {
        public String getRefId();
        public IGeneration setRefId(String value);
        public String getTag();
        public IGeneration setTag(String value);
    }

    /**
    * How.
    */
    public static enum Mode
    {
        @SerializedName("mp3") MP3("mp3"),
        @SerializedName("json_object") JsonObject("json_object");

        private final String value;
        Mode(final String value) { this.value = value; }
        public String getValue() { return value; }
        @Override public String toString() { return value; }
    }

    public static enum Task
    {
        @SerializedName("1") TextToImage(1),
        @SerializedName("8") SpeechToText(8);

        private final int value;
        Task(final int value) { this.value = value; }
        public int getValue() { return value; }
        @Override public String toString() { return String.valueOf(value); }
    }

    public static class KeyValuePair<TKey, TValue>
    {
        public TKey key = null;

        public TValue value = null;

        public TKey getKey() { return key; }
        public KeyValuePair<TKey, TValue> setKey(TKey value) { this.key = value; return this; }
        public TValue getValue() { return value; }
        public KeyValuePair<TKey, TValue> setValue(TValue value) { this.value = value; return this; }
    }

    /**
    * A thing of every kind. In two lines.
    */
    public static class Thing
    {
        /**
        * The number that it is known by.
        */
        public Long id = null;

        public Long parentId = null;

        public String from = null;

        /**
        * At most so many; "about" will do. * /
        */
        @SerializedName("max_tokens")
        public Integer maxTokens = null;

        @SerializedName("logprobs")
        public Boolean logProbs = null;

        public Double share = null;

        public Float denoise = null;

        public BigDecimal cost = null;

        public Boolean enabled = null;

        public Date createdDate = null;

        public Date offlineDate = null;

        public TimeSpan duration = null;

        public byte[] bytes = null;

        public Object anything = null;

        public ArrayList<String> tags = new ArrayList<String>();

        public ArrayList<String> names = null;

        public HashMap<String,String> apiModels = new HashMap<String,String>();

        public HashMap<Integer,Long> counts = null;

        public HashMap<Task,ArrayList<String>> paths = null;

        public Mode mode = null;

        public Task task = null;

        public ArrayList<KeyValuePair<String,Integer>> pairs = null;

        public Thing other = null;

        public ResponseStatus error = null;

        public Long getId() { return id; }
        public Thing setId(Long value) { this.id = value; return this; }
        public Long getParentId() { return parentId; }
        public Thing setParentId(Long value) { this.parentId = value; return this; }
        public String getFrom() { return from; }
        public Thing setFrom(String value) { this.from = value; return this; }
        public Integer getMaxTokens() { return maxTokens; }
        public Thing setMaxTokens(Integer value) { this.maxTokens = value; return this; }
        public Boolean isLogProbs() { return logProbs; }
        public Thing setLogProbs(Boolean value) { this.logProbs = value; return this; }
        public Double getShare() { return share; }
        public Thing setShare(Double value) { this.share = value; return this; }
        public Float getDenoise() { return denoise; }
        public Thing setDenoise(Float value) { this.denoise = value; return this; }
        public BigDecimal getCost() { return cost; }
        public Thing setCost(BigDecimal value) { this.cost = value; return this; }
        public Boolean isEnabled() { return enabled; }
        public Thing setEnabled(Boolean value) { this.enabled = value; return this; }
        public Date getCreatedDate() { return createdDate; }
        public Thing setCreatedDate(Date value) { this.createdDate = value; return this; }
        public Date getOfflineDate() { return offlineDate; }
        public Thing setOfflineDate(Date value) { this.offlineDate = value; return this; }
        public TimeSpan getDuration() { return duration; }
        public Thing setDuration(TimeSpan value) { this.duration = value; return this; }
        public byte[] getBytes() { return bytes; }
        public Thing setBytes(byte[] value) { this.bytes = value; return this; }
        public Object getAnything() { return anything; }
        public Thing setAnything(Object value) { this.anything = value; return this; }
        public ArrayList<String> getTags() { return tags; }
        public Thing setTags(ArrayList<String> value) { this.tags = value; return this; }
        public ArrayList<String> getNames() { return names; }
        public Thing setNames(ArrayList<String> value) { this.names = value; return this; }
        public HashMap<String,String> getApiModels() { return apiModels; }
        public Thing setApiModels(HashMap<String,String> value) { this.apiModels = value; return this; }
        public HashMap<Integer,Long> getCounts() { return counts; }
        public Thing setCounts(HashMap<Integer,Long> value) { this.counts = value; return this; }
        public HashMap<Task,ArrayList<String>> getPaths() { return paths; }
        public Thing setPaths(HashMap<Task,ArrayList<String>> value) { this.paths = value; return this; }
        public Mode getMode() { return mode; }
        public Thing setMode(Mode value) { this.mode = value; return this; }
        public Task getTask() { return task; }
        public Thing setTask(Task value) { this.task = value; return this; }
        public ArrayList<KeyValuePair<String,Integer>> getPairs() { return pairs; }
        public Thing setPairs(ArrayList<KeyValuePair<String,Integer>> value) { this.pairs = value; return this; }
        public Thing getOther() { return other; }
        public Thing setOther(Thing value) { this.other = value; return this; }
        public ResponseStatus getError() { return error; }
        public Thing setError(ResponseStatus value) { this.error = value; return this; }
    }

    public static enum Plain
    {
        TopLeft,
        Center;
    }

    public static class Special extends Thing
    {
        public Plain place = null;

        public Plain getPlace() { return place; }
        public Special setPlace(Plain value) { this.place = value; return this; }
        public Special setId(Long value) { super.setId(value); return this; }
        public Special setParentId(Long value) { super.setParentId(value); return this; }
        public Special setFrom(String value) { super.setFrom(value); return this; }
        public Special setMaxTokens(Integer value) { super.setMaxTokens(value); return this; }
        public Special setLogProbs(Boolean value) { super.setLogProbs(value); return this; }
        public Special setShare(Double value) { super.setShare(value); return this; }
        public Special setDenoise(Float value) { super.setDenoise(value); return this; }
        public Special setCost(BigDecimal value) { super.setCost(value); return this; }
        public Special setEnabled(Boolean value) { super.setEnabled(value); return this; }
        public Special setCreatedDate(Date value) { super.setCreatedDate(value); return this; }
        public Special setOfflineDate(Date value) { super.setOfflineDate(value); return this; }
        public Special setDuration(TimeSpan value) { super.setDuration(value); return this; }
        public Special setBytes(byte[] value) { super.setBytes(value); return this; }
        public Special setAnything(Object value) { super.setAnything(value); return this; }
        public Special setTags(ArrayList<String> value) { super.setTags(value); return this; }
        public Special setNames(ArrayList<String> value) { super.setNames(value); return this; }
        public Special setApiModels(HashMap<String,String> value) { super.setApiModels(value); return this; }
        public Special setCounts(HashMap<Integer,Long> value) { super.setCounts(value); return this; }
        public Special setPaths(HashMap<Task,ArrayList<String>> value) { super.setPaths(value); return this; }
        public Special setMode(Mode value) { super.setMode(value); return this; }
        public Special setTask(Task value) { super.setTask(value); return this; }
        public Special setPairs(ArrayList<KeyValuePair<String,Integer>> value) { super.setPairs(value); return this; }
        public Special setOther(Thing value) { super.setOther(value); return this; }
        public Special setError(ResponseStatus value) { super.setError(value); return this; }
    }

    public static class QueryBase
    {
        public Integer skip = null;

        public Integer take = null;

        public String orderBy = null;

        public String orderByDesc = null;

        public String include = null;

        public String fields = null;

        public HashMap<String,String> meta = null;

        public Integer getSkip() { return skip; }
        public QueryBase setSkip(Integer value) { this.skip = value; return this; }
        public Integer getTake() { return take; }
        public QueryBase setTake(Integer value) { this.take = value; return this; }
        public String getOrderBy() { return orderBy; }
        public QueryBase setOrderBy(String value) { this.orderBy = value; return this; }
        public String getOrderByDesc() { return orderByDesc; }
        public QueryBase setOrderByDesc(String value) { this.orderByDesc = value; return this; }
        public String getInclude() { return include; }
        public QueryBase setInclude(String value) { this.include = value; return this; }
        public String getFields() { return fields; }
        public QueryBase setFields(String value) { this.fields = value; return this; }
        public HashMap<String,String> getMeta() { return meta; }
        public QueryBase setMeta(HashMap<String,String> value) { this.meta = value; return this; }
    }

    public static class QueryDb<T> extends QueryBase
    {
        public QueryDb<T> setSkip(Integer value) { super.setSkip(value); return this; }
        public QueryDb<T> setTake(Integer value) { super.setTake(value); return this; }
        public QueryDb<T> setOrderBy(String value) { super.setOrderBy(value); return this; }
        public QueryDb<T> setOrderByDesc(String value) { super.setOrderByDesc(value); return this; }
        public QueryDb<T> setInclude(String value) { super.setInclude(value); return this; }
        public QueryDb<T> setFields(String value) { super.setFields(value); return this; }
        public QueryDb<T> setMeta(HashMap<String,String> value) { super.setMeta(value); return this; }
    }

    public static class MakeThingResponse
    {
        public ArrayList<Thing> results = null;

        public ResponseStatus responseStatus = null;

        public ArrayList<Thing> getResults() { return results; }
        public MakeThingResponse setResults(ArrayList<Thing> value) { this.results = value; return this; }
        public ResponseStatus getResponseStatus() { return responseStatus; }
        public MakeThingResponse setResponseStatus(ResponseStatus value) { this.responseStatus = value; return this; }
    }

    public static class QueryResponse<T>
    {
        public Integer offset = null;

        public Integer total = null;

        public ArrayList<T> results = null;

        public ResponseStatus responseStatus = null;

        public Integer getOffset() { return offset; }
        public QueryResponse<T> setOffset(Integer value) { this.offset = value; return this; }
        public Integer getTotal() { return total; }
        public QueryResponse<T> setTotal(Integer value) { this.total = value; return this; }
        public ArrayList<T> getResults() { return results; }
        public QueryResponse<T> setResults(ArrayList<T> value) { this.results = value; return this; }
        public ResponseStatus getResponseStatus() { return responseStatus; }
        public QueryResponse<T> setResponseStatus(ResponseStatus value) { this.responseStatus = value; return this; }
    }

    /**
    * Makes a thing.
    */
    @Route(Path="/v1/things", Verbs="POST")
    // @Route(Path="/things/{Id}")
    public static class MakeThing implements IReturn<MakeThingResponse>, IGeneration, IPost
    {
        public InputStream image = null;

        /**
        * What to make.
        */
        public String prompt = null;

        public Mode mode = null;

        public String refId = null;

        public String tag = null;

        public InputStream getImage() { return image; }
        public MakeThing setImage(InputStream value) { this.image = value; return this; }
        public String getPrompt() { return prompt; }
        public MakeThing setPrompt(String value) { this.prompt = value; return this; }
        public Mode getMode() { return mode; }
        public MakeThing setMode(Mode value) { this.mode = value; return this; }
        public String getRefId() { return refId; }
        public MakeThing setRefId(String value) { this.refId = value; return this; }
        public String getTag() { return tag; }
        public MakeThing setTag(String value) { this.tag = value; return this; }
        private static Object responseType = MakeThingResponse.class;
        public Object getResponseType() { return responseType; }
    }

    public static class MakeSpecial extends Special implements IReturn<MakeThingResponse>
    {
        public String provider = null;

        public String getProvider() { return provider; }
        public MakeSpecial setProvider(String value) { this.provider = value; return this; }
        public MakeSpecial setPlace(Plain value) { super.setPlace(value); return this; }
        public MakeSpecial setId(Long value) { super.setId(value); return this; }
        public MakeSpecial setParentId(Long value) { super.setParentId(value); return this; }
        public MakeSpecial setFrom(String value) { super.setFrom(value); return this; }
        public MakeSpecial setMaxTokens(Integer value) { super.setMaxTokens(value); return this; }
        public MakeSpecial setLogProbs(Boolean value) { super.setLogProbs(value); return this; }
        public MakeSpecial setShare(Double value) { super.setShare(value); return this; }
        public MakeSpecial setDenoise(Float value) { super.setDenoise(value); return this; }
        public MakeSpecial setCost(BigDecimal value) { super.setCost(value); return this; }
        public MakeSpecial setEnabled(Boolean value) { super.setEnabled(value); return this; }
        public MakeSpecial setCreatedDate(Date value) { super.setCreatedDate(value); return this; }
        public MakeSpecial setOfflineDate(Date value) { super.setOfflineDate(value); return this; }
        public MakeSpecial setDuration(TimeSpan value) { super.setDuration(value); return this; }
        public MakeSpecial setBytes(byte[] value) { super.setBytes(value); return this; }
        public MakeSpecial setAnything(Object value) { super.setAnything(value); return this; }
        public MakeSpecial setTags(ArrayList<String> value) { super.setTags(value); return this; }
        public MakeSpecial setNames(ArrayList<String> value) { super.setNames(value); return this; }
        public MakeSpecial setApiModels(HashMap<String,String> value) { super.setApiModels(value); return this; }
        public MakeSpecial setCounts(HashMap<Integer,Long> value) { super.setCounts(value); return this; }
        public MakeSpecial setPaths(HashMap<Task,ArrayList<String>> value) { super.setPaths(value); return this; }
        public MakeSpecial setMode(Mode value) { super.setMode(value); return this; }
        public MakeSpecial setTask(Task value) { super.setTask(value); return this; }
        public MakeSpecial setPairs(ArrayList<KeyValuePair<String,Integer>> value) { super.setPairs(value); return this; }
        public MakeSpecial setOther(Thing value) { super.setOther(value); return this; }
        public MakeSpecial setError(ResponseStatus value) { super.setError(value); return this; }
        private static Object responseType = MakeThingResponse.class;
        public Object getResponseType() { return responseType; }
    }

    public static class QueryThings extends QueryDb<Thing> implements IReturn<QueryResponse<Thing>>, IGet
    {
        public Long id = null;

        public Long getId() { return id; }
        public QueryThings setId(Long value) { this.id = value; return this; }
        public QueryThings setSkip(Integer value) { super.setSkip(value); return this; }
        public QueryThings setTake(Integer value) { super.setTake(value); return this; }
        public QueryThings setOrderBy(String value) { super.setOrderBy(value); return this; }
        public QueryThings setOrderByDesc(String value) { super.setOrderByDesc(value); return this; }
        public QueryThings setInclude(String value) { super.setInclude(value); return this; }
        public QueryThings setFields(String value) { super.setFields(value); return this; }
        public QueryThings setMeta(HashMap<String,String> value) { super.setMeta(value); return this; }
        private static Object responseType = new TypeToken<QueryResponse<Thing>>(){}.getType();
        public Object getResponseType() { return responseType; }
    }

    public static class CreateThing implements IReturn<MakeThingResponse>, ICreateDb<Thing>
    {
        public String name = null;

        public String getName() { return name; }
        public CreateThing setName(String value) { this.name = value; return this; }
        private static Object responseType = MakeThingResponse.class;
        public Object getResponseType() { return responseType; }
    }

    /**
    * Deletes it.
    */
    public static class DeleteThing implements IReturnVoid, IDeleteDb<Thing>, IDelete
    {
        public Integer id = null;

        public Integer getId() { return id; }
        public DeleteThing setId(Integer value) { this.id = value; return this; }
    }

    public static class GetThingFile implements IReturn<byte[]>, IGet
    {
        private static Object responseType = byte[].class;
        public Object getResponseType() { return responseType; }
    }

    public static class GetThingText implements IReturn<String>, IGet
    {
        private static Object responseType = String.class;
        public Object getResponseType() { return responseType; }
    }

    public static class GetThingNames implements IReturn<ArrayList<String>>, IGet
    {
        private static Object responseType = new TypeToken<ArrayList<String>>(){}.getType();
        public Object getResponseType() { return responseType; }
    }
}
